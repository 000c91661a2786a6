//! The states of a task and the ways between them.

use millwright_core::wire_enum;

wire_enum! {
    /// Where a task stands.
    pub enum TaskState {
        Backlog = "backlog",
        ToDo = "to_do",
        InProgress = "in_progress",
        Blocked = "blocked",
        Review = "review",
        Done = "done",
        Cancelled = "cancelled",
    }
}

wire_enum! {
    /// What a state means, whatever it is called.
    pub enum StateCategory {
        Backlog = "backlog",
        ToDo = "to_do",
        InProgress = "in_progress",
        Review = "review",
        Done = "done",
        Cancelled = "cancelled",
    }
}

impl TaskState {
    pub fn category(self) -> StateCategory {
        match self {
            TaskState::Backlog => StateCategory::Backlog,
            TaskState::ToDo => StateCategory::ToDo,
            TaskState::InProgress | TaskState::Blocked => StateCategory::InProgress,
            TaskState::Review => StateCategory::Review,
            TaskState::Done => StateCategory::Done,
            TaskState::Cancelled => StateCategory::Cancelled,
        }
    }

    /// Where a task may go from here; guards come on top.
    pub fn next(self) -> &'static [TaskState] {
        use TaskState::{Backlog, Blocked, Cancelled, Done, InProgress, Review, ToDo};
        match self {
            Backlog => &[ToDo, Cancelled],
            ToDo => &[Backlog, InProgress, Cancelled],
            InProgress => &[ToDo, Blocked, Review, Done, Cancelled],
            Blocked => &[ToDo, InProgress, Cancelled],
            Review => &[InProgress, Done, Cancelled],
            Done => &[ToDo, InProgress],
            Cancelled => &[Backlog, ToDo],
        }
    }
}

impl StateCategory {
    /// Done or cancelled.
    pub fn is_closed(self) -> bool {
        matches!(self, StateCategory::Done | StateCategory::Cancelled)
    }
}
