//! What lies in the ingest queue: requests of our own API, and events of the bus.

use millwright_core::{Error, FaultCode, OrgId, Result, Tenant, Timestamp, Voucher};
use millwright_event::batch::Delivery;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::{Sender, UsageEvent};

/// The accepted events of one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngestMessage {
    pub organization_id: OrgId,
    pub received_at: Timestamp,
    pub events: Vec<UsageEvent>,
}

/// What tells it from an event of the bus.
#[derive(Debug, Serialize)]
struct Sent<'a> {
    usage: &'a IngestMessage,
}

#[derive(Debug, Deserialize)]
struct Framed<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct OfBus {
    #[serde(default)]
    orgid: Option<OrgId>,
}

impl IngestMessage {
    /// # Errors
    /// `internal` if it is no JSON.
    pub fn to_body(&self) -> Result<String> {
        serde_json::to_string(&Sent { usage: self }).map_err(Error::internal)
    }
}

/// An event on its way into counters.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Which delivery it came in.
    pub delivery: usize,
    /// Message and place in it: the same when it comes again.
    pub mark: String,
    pub organization: OrgId,
    pub received_at: Timestamp,
    /// From the bus: its time is looked at only now.
    pub of_bus: bool,
    pub event: UsageEvent,
}

/// Reads a delivery; none if it is about no organization.
///
/// # Errors
/// `invalid_request` for what is neither.
pub fn read(
    delivery: &Delivery,
    index: usize,
    now: Timestamp,
) -> Result<Option<(Tenant, Vec<Incoming>)>> {
    let malformed = |detail: String| Error::fault("", FaultCode::BadFormat, detail);
    let framed: Framed<'_> = serde_json::from_str(&delivery.body)
        .map_err(|error| malformed(format!("not JSON: {error}")))?;
    let mark = |place: usize| format!("{}#{place}", delivery.message_id);
    if let Some(usage) = framed.usage {
        let message: IngestMessage = serde_json::from_str(usage.get())
            .map_err(|error| malformed(format!("not a message of ours: {error}")))?;
        let IngestMessage { organization_id, received_at, events } = message;
        let incoming = |(place, event)| Incoming {
            delivery: index,
            mark: mark(place),
            organization: organization_id,
            received_at,
            of_bus: false,
            event,
        };
        let events = events.into_iter().enumerate().map(incoming).collect();
        return Ok(Some((tenant(organization_id), events)));
    }
    let envelope = framed.detail.map_or(delivery.body.as_str(), RawValue::get);
    let of_bus: OfBus = serde_json::from_str(envelope)
        .map_err(|error| malformed(format!("not an event of ours: {error}")))?;
    let Some(organization) = of_bus.orgid else { return Ok(None) };
    let event = UsageEvent::read(envelope, Sender::default())?;
    let event = Incoming {
        delivery: index,
        mark: mark(0),
        organization,
        received_at: now,
        of_bus: true,
        event,
    };
    Ok(Some((tenant(organization), vec![event])))
}

#[allow(clippy::disallowed_methods, reason = "the queue is filled by our own API and bus alone")]
fn tenant(organization: OrgId) -> Tenant {
    Tenant::vouched(organization, Voucher::Event)
}
