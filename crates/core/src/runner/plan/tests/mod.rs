//! Tests of the decisions: a simulated world, explored exhaustively where it is small and at random where it is large.
//!
//! `world` holds the store, the processes and the true accounts; `steps` lists what can happen next, `happen` lets it happen;
//! `checks` holds what must be true after every step. `explore` visits every reachable state of small worlds; `random`
//! follows long random paths through large ones; `planted` shows that both find the defects of `defects.rs`.

mod checks;
mod explore;
mod graphs;
mod happen;
mod planted;
mod random;
mod rebase;
mod rules;
mod scenarios;
mod steps;
mod world;

/// `Err` says which promise is broken.
type Check = std::result::Result<(), String>;
