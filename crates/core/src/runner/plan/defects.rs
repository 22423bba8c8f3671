//! Defects that tests plant into a run. The product does not contain them: see `planted!` in the parent module.

/// Declares the defects with what each one does wrong.
macro_rules! defects {
    ($($name:ident = $wrong:literal,)*) => {
        /// A defect that a test plants.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Defect { $(#[doc = $wrong] $name,)* }

        impl Defect {
            /// All defects, with their names and what each one does wrong.
            pub const ALL: &'static [(Defect, &'static str, &'static str)] =
                &[$((Defect::$name, stringify!($name), $wrong),)*];
        }
    };
}

defects! {
    StartBeforeCommit = "A start is commanded before its commit has succeeded",
    FailureCountsAsCommit = "A commit that failed counts as a success",
    FailedCommitForgotten = "The changes of a commit that failed are not stored later",
    DoneBeforeStored = "The run is done before its end is stored",
    WithdrawalForgotten = "A start that no longer fits goes on once its commit has succeeded",
    ActiveSetToPendingWithoutLook = "After a crash, active sessions become pending without a look at their processes",
    LookNotRepeated = "A process that could not be looked at for lack of something is not looked at again",
    UnknownTakenForDead = "A process that nobody can tell counts as dead",
    AdoptedInterrupted = "An adopted process is interrupted, though its standard input is closed",
    ReservationLostInCrash = "After a crash, reservations of open attempts do not count",
    HeldMoneyForgotten = "The reservation of a turn without a result is released at its end",
    ReservationBookedAsCost = "The reservation is booked as the cost",
    WholeRestAsCap = "A start may spend the whole rest of the budget",
    ResumedAtOwnLimit = "A session is resumed although its own budget is used up",
    AtLimitWhileRunning = "The group is at its limit while running sessions may give money back",
    WarningNotRemembered = "The budget warning is not remembered",
    LimitCountsOnlyRunning = "Only processes that have started occupy a slot",
    SlotFreedAtResult = "A slot is free from the result on, not from the exit on",
    DirectoriesShared = "Two sessions work in one directory although the group forbids it",
    SpacingIgnored = "Starts are not spaced",
    FailedCountsAsDone = "A failed dependency counts as completed",
    DoneWorkForgotten = "Dependencies that completed in an earlier run do not count",
    AllowedFailureFails = "A failure that is allowed fails the group",
    ThresholdOffByOne = "The error threshold takes one failure more",
    ThresholdLosesAtEnd = "The error threshold does not count when nothing is left",
    MassFailureIgnored = "Crashes in many sessions do not pause the group",
    RetriesNeverEnd = "Retries, crashes and stalls are not counted",
    LimitIgnored = "Sessions start during a usage limit",
    AllProbe = "After a usage limit all sessions start at once",
    BusySessionsStall = "A session stalls while its tool runs",
    SleepCountsAsStall = "A stall across a sleep of the machine counts",
    LadderWithoutTimer = "A process that ignores an interrupt is left alone",
    TasksNotStopped = "Standard input is closed while background tasks go on",
    SweepForgotten = "What a process left behind is not swept",
    PauseForgottenWhileSpawning = "A pause does not reach a process that is just starting",
    RevivalNotStored = "A retry of a session that its plan file dropped is forgotten in a crash",
    RequestRepeated = "A request is carried out again at each change of the group",
    ForeignRecordBelieved = "Fields of the runner that others changed are believed",
    RemovedSessionForgotten = "A running session that others removed is forgotten",
    DeletionIgnored = "A deleted group goes on running",
    DoneWhileRunning = "The run is done while processes run",
}
