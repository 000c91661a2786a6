//! Limits: what may still be used, asked before it is.

mod apply;
mod consume;
mod decide;
mod manage;
mod reservation;
mod reserve;
mod view;

pub use self::{consume::*, decide::*, manage::*, reservation::*, reserve::*, view::*};
