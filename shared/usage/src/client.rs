//! The client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use millwright_aws::Called;
use millwright_core::{Error, Result, Timestamp};
use millwright_http::{CALLER_HEADER, CallingService};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Amounts, Spending, Transport, Who};

const TRIES: usize = 3;
const BASE: &str = "/api/v1/usage";

/// How long a reservation lasts if nobody says otherwise. At least 10 seconds, at most an hour;
/// [`UsageClient::extend`] makes it up to a day.
pub const DEFAULT_TTL: Duration = Duration::from_secs(900);

/// Asks usage-tracking for a service. Cheap to clone.
#[derive(Clone)]
pub struct UsageClient {
    transport: Arc<dyn Transport>,
    service: &'static str,
}

/// How near the budgets of a use are to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Abundant,
    Normal,
    Caution,
    Crisis,
}

/// Where the limits of a use stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// A hard limit applies: reserve before spending.
    pub hard_limited: bool,
    /// Of the budgets that apply the worst.
    pub phase: Phase,
    /// The amounts would fit at this moment. Not a promise: only a reservation is.
    pub allowed: bool,
}

/// Room that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The reservation; the event of the usage may carry it as `reservationid`.
    pub id: String,
    /// When it lapses.
    pub expires_at: Timestamp,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Ids of quotas and budgets.
    pub denied_by: Vec<String>,
    /// When all of them have begun anew; at most the end of time.
    pub retry_at: Option<Timestamp>,
}

/// What became of the wish to reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    Held(Held),
    Denied(Denial),
}

/// What became of a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumed {
    Allowed {
        /// A soft limit is beyond its limit, within its grace.
        over_limit: bool,
    },
    Denied(Denial),
}

/// What became of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is as asked, by this call or an earlier one. The amounts are those that were booked
    /// first; none if nothing was.
    Done(Option<BTreeMap<String, String>>),
    /// It had been settled the other way round before: released, or committed.
    Otherwise,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DecisionBody {
    allowed: bool,
    #[serde(default)]
    over_limit: bool,
    #[serde(default)]
    denied_by: Vec<String>,
    retry_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReservationBody {
    id: String,
    expires_at: Timestamp,
    committed: Option<BTreeMap<String, String>>,
}

impl DecisionBody {
    fn denial(self) -> Denial {
        Denial { denied_by: self.denied_by, retry_at: self.retry_at }
    }
}

fn read<T: DeserializeOwned>(called: Called) -> Result<T> {
    serde_json::from_value(called.body)
        .map_err(|error| Error::internal(format!("usage-tracking is not understood: {error}")))
}

/// What cannot be a decision: too busy and broken may pass, all else is a mistake of ours.
fn refused(path: &str, called: &Called) -> Error {
    let code = called.body["code"].as_str().unwrap_or_default();
    let detail = called.body["detail"].as_str().unwrap_or_default();
    let text = format!("{path} answered {} {code}: {detail}", called.status);
    match called.status {
        409 if code.starts_with("idempotency") => Error::unavailable(text),
        429 | 500.. => Error::unavailable(text).retry_after(Duration::from_secs(1)),
        _ => Error::internal(text),
    }
}

impl UsageClient {
    /// `service` is the one that asks, by the name of its manifest.
    pub fn new(transport: Arc<dyn Transport>, service: &'static str) -> UsageClient {
        UsageClient { transport, service }
    }

    /// Where the limits of a use stand. Nothing is changed. Good for a minute: quotas and budgets
    /// that are made or changed are said on the bus, too (`usage.quota.*`, `usage.budget.*`).
    ///
    /// # Errors
    /// `unavailable`; `internal` for a category, measure or dimension that is not there.
    pub async fn standing(&self, wanted: &Spending) -> Result<Standing> {
        let path = format!("{BASE}/limits/check");
        let called = self.call(&wanted.who, &path, None, &wanted.json()).await?;
        match called.status {
            200 => read(called),
            _ => Err(refused(&path, &called)),
        }
    }

    /// Holds the worst case in every limit that applies, or in none. The reference (1-100
    /// characters, unique in the organization for 40 days) makes a repeat the same reservation.
    ///
    /// # Errors
    /// `unavailable`: it may be held; ask again with the same reference, or let it lapse.
    /// `internal` for what is not there, and for a reference that other amounts had.
    pub async fn reserve(
        &self,
        wanted: &Spending,
        reference: &str,
        ttl: Duration,
    ) -> Result<Reserved> {
        let path = format!("{BASE}/reservations");
        let mut body = wanted.json();
        body["reference"] = reference.into();
        body["ttlSeconds"] = ttl.as_secs().into();
        let called = self.call(&wanted.who, &path, None, &body).await?;
        match called.status {
            201 => {
                let ReservationBody { id, expires_at, .. } = read(called)?;
                Ok(Reserved::Held(Held { id, expires_at }))
            }
            200 => Ok(Reserved::Denied(read::<DecisionBody>(called)?.denial())),
            _ => Err(refused(&path, &called)),
        }
    }

    /// Books what it came to, once, and gives back the rest. More than was held is booked as well:
    /// the money is gone. After it has lapsed it is booked without a hold.
    ///
    /// # Errors
    /// `unavailable`: ask again.
    pub async fn commit(&self, who: &Who, reservation: &str, actual: &Amounts) -> Result<Settled> {
        self.settle(who, reservation, "commit", &json!({ "amounts": actual.json() })).await
    }

    /// Gives everything back. Nothing happens to one that has lapsed.
    ///
    /// # Errors
    /// `unavailable`: ask again, or let it lapse.
    pub async fn release(&self, who: &Who, reservation: &str) -> Result<Settled> {
        self.settle(who, reservation, "release", &json!({})).await
    }

    /// Makes it last for so long from now on, up to a day from its beginning.
    ///
    /// # Errors
    /// `unavailable`; `internal` beyond a day.
    pub async fn extend(&self, who: &Who, reservation: &str, ttl: Duration) -> Result<Settled> {
        let body = json!({ "ttlSeconds": ttl.as_secs() });
        self.settle(who, reservation, "extend", &body).await
    }

    async fn settle(
        &self,
        who: &Who,
        reservation: &str,
        how: &str,
        body: &Value,
    ) -> Result<Settled> {
        let path = format!("{BASE}/reservations/{reservation}/{how}");
        let called = self.call(who, &path, None, body).await?;
        match (called.status, called.body["code"].as_str()) {
            (200, _) => Ok(Settled::Done(read::<ReservationBody>(called)?.committed)),
            (409, Some("reservation_finished")) => Ok(Settled::Otherwise),
            _ => Err(refused(&path, &called)),
        }
    }

    /// Uses it up at once, within all limits or none. The key (1-100 characters) makes a repeat
    /// within 24 hours the same use.
    ///
    /// # Errors
    /// `unavailable`: ask again with the same key.
    pub async fn consume(&self, wanted: &Spending, key: &str) -> Result<Consumed> {
        let path = format!("{BASE}/limits/consume");
        let called = self.call(&wanted.who, &path, Some(key), &wanted.json()).await?;
        if called.status != 200 {
            return Err(refused(&path, &called));
        }
        let decision: DecisionBody = read(called)?;
        match decision.allowed {
            true => Ok(Consumed::Allowed { over_limit: decision.over_limit }),
            false => Ok(Consumed::Denied(decision.denial())),
        }
    }

    /// Up to three tries: all that is called may be repeated.
    async fn call(&self, who: &Who, path: &str, key: Option<&str>, body: &Value) -> Result<Called> {
        let service = CallingService {
            service: self.service.to_owned(),
            organization_id: who.tenant.organization(),
        };
        let caller = serde_json::to_string(&service).map_err(Error::internal)?;
        let mut headers = vec![(CALLER_HEADER, caller)];
        headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
        let mut tries = 1;
        loop {
            let called = self.transport.call(path, &headers, body).await;
            let passes = match &called {
                Err(_) => true,
                Ok(called) => refused(path, called).kind() == millwright_core::Kind::Unavailable,
            };
            if !passes || tries == TRIES {
                return called;
            }
            tracing::warn!(path, tries, "usage-tracking did not decide");
            tries += 1;
        }
    }
}
