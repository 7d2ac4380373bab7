//! The real binary, and what it leaves behind.

mod report;
