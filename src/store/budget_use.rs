//! What of the budget is used.

use crate::clock::Time;
use crate::config::Budget;
use crate::store::{ReadTx, StoreError};

/// What of a budget is used in its period around a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetUse {
    pub budget: Budget,
    /// What may have cost a credit, whoever asked for it.
    pub spent: u64,
    /// How much of that people asked for.
    pub manual_spent: u64,
    /// When the next period begins.
    pub until: Time,
}

impl BudgetUse {
    /// How many more calls may be made.
    pub fn left(&self) -> u64 {
        self.budget.room(self.spent)
    }

    /// How many more calls people may ask for.
    pub fn manual_left(&self) -> u64 {
        self.budget.manual.map_or(u64::MAX, |manual| manual.saturating_sub(self.manual_spent))
    }

    /// The period's name, as the configuration writes it.
    pub fn per(&self) -> &'static str {
        self.budget.per.as_str()
    }
}

impl ReadTx<'_> {
    /// What of `budget` is used around `now`; `None` where nothing is capped.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn budget_use(
        &self,
        budget: Option<&Budget>,
        now: Time,
    ) -> Result<Option<BudgetUse>, StoreError> {
        let Some(budget) = budget else { return Ok(None) };
        let period = budget.period(now);
        let (spent, manual_spent) = self.spent(period)?;
        Ok(Some(BudgetUse { budget: *budget, spent, manual_spent, until: period.end() }))
    }
}
