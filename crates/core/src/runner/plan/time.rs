//! The two clocks of a run, as numbers that the caller passes in.

/// Milliseconds of the clock that never goes back and does not count while the machine sleeps. All timers use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

/// Unix milliseconds. Usage limits and stored times use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub u64);

/// The time of a fact, on both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Now {
    /// Time for timers.
    pub monotonic: Monotonic,
    /// Time of day.
    pub wall: Wall,
}

/// The time at which [`Run::handle`](super::Run::handle) is due with
/// [`Input::TimePassed`](super::Input::TimePassed) if no other fact comes first.
pub type Deadline = Monotonic;

impl Monotonic {
    /// The time that many milliseconds later.
    #[must_use]
    pub fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds since an earlier time; 0 if it is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Wall {
    /// The time that many milliseconds later.
    #[must_use]
    pub fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds since an earlier time; 0 if it is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
