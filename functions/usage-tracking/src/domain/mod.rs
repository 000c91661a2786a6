//! The rules of usage-tracking: pure types and functions. No I/O, no AWS, no clock, no randomness.

mod alert;
mod anomaly;
mod category;
mod cost;
mod event;
mod extract;
mod identify;
mod job;
mod limit;
mod meter;
mod month;
mod pattern;
mod pointer;
mod price;
mod pricing;
mod quantity;
mod reservation;
mod scope;
mod settings;
mod system;
mod window;
mod windows;

use millwright_core::{Line, Text, Timestamp};

pub use self::{
    alert::*, anomaly::*, category::*, cost::*, event::*, extract::*, identify::*, job::*,
    limit::*, meter::*, month::*, pattern::*, pointer::*, price::*, pricing::*, quantity::*,
    reservation::*, scope::*, settings::*, system::*, window::*, windows::*,
};

millwright_core::id! {
    /// A usage event.
    UsageEventId = UsageEventNoun("uev");
    /// A meter.
    MeterId = MeterNoun("mtr");
    /// A price.
    PriceId = PriceNoun("prc");
    /// A quota.
    QuotaId = QuotaNoun("quo");
    /// A budget.
    BudgetId = BudgetNoun("bud");
    /// A reservation.
    ReservationId = ReservationNoun("rsv");
    /// An alert.
    AlertId = AlertNoun("ual");
    /// A job.
    JobId = JobNoun("ujb");
}

/// 1-80 characters.
pub type CategoryName = Line<1, 80>;

/// 1-100 characters.
pub type Name = Line<1, 100>;

/// At most 500 characters.
pub type Description = Text<0, 500>;

/// Why somebody did something, 1-500 characters.
pub type ReasonText = Text<1, 500>;

/// When something happened, and by whom: a user, service key, agent or service.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: String,
}
