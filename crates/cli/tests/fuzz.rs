//! The corpus of plan files, and parts and mixtures of it, held against what must hold for any bytes.

#[path = "../../../__test__/fuzz/plan_invariants.rs"]
mod plan_invariants;
#[path = "../../../__test__/fuzz/try_corpus.rs"]
mod try_corpus;

#[test]
fn any_plan() {
    try_corpus::try_corpus("plan", plan_invariants::plan);
}
