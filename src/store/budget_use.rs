//! How much of the budget is used.

use crate::clock::Time;
use crate::config::{Budget, Period};
use crate::store::{ReadTx, StoreError};

/// How much of a budget is used in its current period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetUse {
    pub budget: Budget,
    /// Credits that may have been spent, on scheduled and manual refreshes.
    pub spent: u64,
    /// The part of `spent` that went to manual refreshes.
    pub manual_spent: u64,
    /// When the next period begins.
    pub until: Time,
}

impl BudgetUse {
    /// Returns how many more calls may be made.
    pub fn left(&self) -> u64 {
        self.budget.room(self.spent)
    }

    /// Returns how many more manual refreshes may be made.
    pub fn manual_left(&self) -> u64 {
        self.budget.manual.map_or(u64::MAX, |manual| manual.saturating_sub(self.manual_spent))
    }

    /// Returns the period's name, as in the configuration.
    pub fn per(&self) -> &'static str {
        self.budget.per.as_str()
    }

    /// Returns the current period in words, such as "this month".
    pub fn current(&self) -> &'static str {
        match self.budget.per {
            Period::Day => "today",
            Period::Week => "this week",
            Period::Month => "this month",
        }
    }
}

impl ReadTx<'_> {
    /// Returns the use of `budget` in the period that contains `now`; `None` if there is no budget.
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
