//! growthd from outside: the real binary, a real file, and the simulated API over loopback; and
//! its engine over simulated years.
//!
//! The modules are a guide to what growthd promises; `harness` is what they are written with.

mod harness;

mod adding;
mod bad_input;
mod crash;
mod demo;
mod handover;
mod history;
mod life;
mod outcomes;
mod reload;
mod secrecy;
mod signals;
mod simulation;
mod store_trouble;
mod verbs;
mod words;
