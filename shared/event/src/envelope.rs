//! CloudEvents 1.0 in JSON, with extensions for tenant, actor, trace and causality.

use std::fmt::Display;

use millwright_core::{Error, FaultCode, OrgId, Result, Tenant, Timestamp, Voucher};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// The largest event, as JSON.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

/// `source` of an event, on the bus too, is `millwright.<service>`.
pub const SOURCE_PREFIX: &str = "millwright.";

/// A typed event. Ids and the fields consumers filter on; never secrets.
pub trait Event: Serialize + DeserializeOwned + ToSchema {
    /// `<module>.<noun>.<past-tense>`.
    const TYPE: &'static str;
    /// Fields are only added within a version.
    const VERSION: u32 = 1;
    /// The service that emits it.
    const SERVICE: &'static str;
    /// False for what happens to people or to the installation: then it names no organization.
    const IN_ORGANIZATION: bool = true;

    /// The id of the thing it is about.
    fn subject(&self) -> String;

    /// A representative event for the catalogue.
    fn example() -> Self;
}

/// A schema, and the schemas it refers to by name.
pub type NamedSchemas = (Value, Vec<(String, Value)>);

/// A type of event, for manifests and the catalogue.
#[derive(Clone, Copy)]
pub struct EventType {
    pub name: &'static str,
    pub version: u32,
    pub service: &'static str,
    /// It names the organization it happened in.
    pub in_organization: bool,
    /// The JSON Schema of `data`, with the schemas it refers to by name.
    pub schema: fn() -> NamedSchemas,
    /// An example of `data`, and its subject.
    pub example: fn() -> (Value, String),
}

impl EventType {
    pub const fn of<E: Event>() -> EventType {
        EventType {
            name: E::TYPE,
            version: E::VERSION,
            service: E::SERVICE,
            in_organization: E::IN_ORGANIZATION,
            schema: schema_of::<E>,
            example: example_of::<E>,
        }
    }
}

impl std::fmt::Debug for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

fn schema_of<E: Event>() -> NamedSchemas {
    let json = |schema| serde_json::to_value(schema).unwrap_or(Value::Null);
    let mut referenced = Vec::new();
    E::schemas(&mut referenced);
    let referenced = referenced.into_iter().map(|(name, schema)| (name, json(schema))).collect();
    (json(E::schema()), referenced)
}

fn example_of<E: Event>() -> (Value, String) {
    let example = E::example();
    let subject = example.subject();
    (serde_json::to_value(example).unwrap_or(Value::Null), subject)
}

/// Who and what caused an event: carried from request to event to whatever that causes.
#[derive(Clone, Debug)]
pub struct Cause {
    pub tenant: Tenant,
    /// User, service key, agent or service.
    pub actor_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The request everything began with.
    pub correlation_id: String,
    /// The event that led to this one, if one did.
    pub causation_id: Option<String>,
}

impl From<&Envelope> for Cause {
    /// What is done because of an event: for the same tenant and actor, in the same trace.
    fn from(envelope: &Envelope) -> Cause {
        Cause {
            tenant: envelope.tenant(),
            actor_id: envelope.actorid.clone(),
            traceparent: envelope.traceparent.clone(),
            correlation_id: envelope.correlationid.clone(),
            causation_id: Some(envelope.id.clone()),
        }
    }
}

/// What an envelope says of its event.
#[derive(Clone, Debug)]
pub struct Described<'a> {
    /// The event type.
    pub kind: &'a str,
    pub version: u32,
    pub service: &'a str,
    /// The id of the thing it is about.
    pub subject: String,
}

/// One event on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub specversion: String,
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub time: Timestamp,
    pub subject: String,
    pub datacontenttype: String,
    pub dataschema: String,
    /// None for what happens to people or to the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orgid: Option<OrgId>,
    pub actorid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    pub correlationid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<String>,
    pub data: Value,
}

impl Envelope {
    /// # Errors
    /// `internal` if the event exceeds 64 KB.
    pub fn new<E: Event>(event: &E, id: Uuid, time: Timestamp, cause: &Cause) -> Result<Envelope> {
        let described = Described {
            kind: E::TYPE,
            version: E::VERSION,
            service: E::SERVICE,
            subject: event.subject(),
        };
        Envelope::compose(described, event, id, time, cause)
    }

    /// An event whose type is not known at compile time.
    ///
    /// # Errors
    /// `internal` if the event exceeds 64 KB.
    pub fn compose(
        described: Described<'_>,
        data: &impl Serialize,
        id: Uuid,
        time: Timestamp,
        cause: &Cause,
    ) -> Result<Envelope> {
        let Described { kind, version, service, subject } = described;
        let envelope = Envelope {
            specversion: "1.0".to_owned(),
            id: id.to_string(),
            source: format!("{SOURCE_PREFIX}{service}"),
            kind: kind.to_owned(),
            time,
            subject,
            datacontenttype: "application/json".to_owned(),
            dataschema: data_schema(kind, version),
            orgid: cause.tenant.organization(),
            actorid: cause.actor_id.clone(),
            traceparent: cause.traceparent.clone(),
            correlationid: cause.correlation_id.clone(),
            causationid: cause.causation_id.clone(),
            data: serde_json::to_value(data)
                .map_err(|error| Error::internal(format!("{kind} is no JSON: {error}")))?,
        };
        let size = serde_json::to_string(&envelope).map(|json| json.len()).unwrap_or(usize::MAX);
        if size > MAX_EVENT_BYTES {
            return Err(Error::internal(format!("{kind} has {size} bytes")));
        }
        Ok(envelope)
    }

    /// The organization it happened in, for which our own bus and queues vouch; else the
    /// installation.
    #[allow(
        clippy::disallowed_methods,
        reason = "a delivered event is what a tenant may come from"
    )]
    pub fn tenant(&self) -> Tenant {
        match self.orgid {
            Some(organization) => Tenant::vouched(organization, Voucher::Event),
            None => Tenant::installation(Voucher::Event),
        }
    }

    /// The typed event, if the envelope carries that type.
    ///
    /// # Errors
    /// As [`Envelope::unreadable`].
    pub fn event<E: Event>(&self) -> Option<Result<E>> {
        (self.kind == E::TYPE).then(|| {
            if E::IN_ORGANIZATION && self.orgid.is_none() {
                return Err(self.unreadable("orgid is missing"));
            }
            self.data_as()
        })
    }

    /// The data, as far as a consumer of another service needs it.
    ///
    /// # Errors
    /// As [`Envelope::unreadable`].
    pub fn data_as<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.data).map_err(|error| self.unreadable(error))
    }

    /// `invalid_request`: the message goes to the dead letters, since no repetition mends it.
    pub fn unreadable(&self, why: impl Display) -> Error {
        let detail = format!("{} cannot be read: {why}", self.kind);
        Error::fault("", FaultCode::BadFormat, detail)
    }
}

/// `urn:millwright:event:<type>:<version>`.
pub(crate) fn data_schema(kind: &str, version: u32) -> String {
    format!("urn:millwright:event:{kind}:{version}")
}
