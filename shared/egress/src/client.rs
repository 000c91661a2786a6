//! The client.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Method, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};

use crate::{Denied, Destinations, Failure, Wait, destination::is_public};

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// For a connection, whole seconds.
    pub connect: Duration,
    /// For the first bytes of the body, from the beginning.
    pub first: Duration,
    /// For more of it.
    pub idle: Duration,
    /// For all of it, from the beginning.
    pub total: Duration,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits {
            connect: Duration::from_secs(5),
            first: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        }
    }
}

/// What is sent.
#[derive(Clone)]
pub struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub fn get(url: impl Into<String>) -> Call {
        Call::new(Method::GET, url.into(), Bytes::new())
    }

    /// With a JSON body.
    pub fn post(url: impl Into<String>, json: impl Into<Bytes>) -> Call {
        let call = Call::new(Method::POST, url.into(), json.into());
        call.header("content-type", "application/json")
    }

    fn new(method: Method, url: String, body: Bytes) -> Call {
        Call { method, url, headers: HeaderMap::new(), body }
    }

    /// Sets a header; what cannot be one is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Call {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets a header that no log shows.
    #[must_use]
    pub fn credential(mut self, name: &str, value: &str) -> Call {
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value))
        {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }
}

/// Calls. Cheap to clone; connections are kept and used again.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    destinations: Destinations,
    /// By seconds to connect, and whether the host may be private. Made when first needed: to read
    /// the root certificates takes longer than the rest of a start.
    clients: Mutex<HashMap<(u64, bool), reqwest::Client>>,
}

impl Client {
    pub fn new(destinations: Destinations) -> Client {
        Client(Arc::new(Inner { destinations, clients: Mutex::default() }))
    }

    pub fn destinations(&self) -> &Destinations {
        &self.0.destinations
    }

    /// Sends, and waits for the head of the answer. An answer of any status is one. Dropping the
    /// future, or the answer, closes the connection.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn call(&self, call: Call, waits: &Waits) -> Result<Answer, Failure> {
        let url = Url::parse(&call.url).map_err(|_| Failure::Denied(Denied::Malformed))?;
        self.0.destinations.check(&url).map_err(Failure::Denied)?;
        let client = self.client(waits, self.0.destinations.names(&url))?;
        let begun = Instant::now();
        let total = begun + waits.total;
        let first = (begun + waits.first).min(total);
        let request = client.request(call.method, url).headers(call.headers).body(call.body);
        let sent = timeout_at(first, request.send()).await;
        let response =
            sent.map_err(|_| Failure::TimedOut(waiting(first, total, Wait::First)))??;
        Ok(Answer { response, first: Some(first), total, idle: waits.idle })
    }

    fn client(&self, waits: &Waits, may_be_private: bool) -> Result<reqwest::Client, Failure> {
        let key = (waits.connect.as_secs().max(1), may_be_private);
        let mut clients = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(Duration::from_secs(key.0))
            .dns_resolver(Resolver { may_be_private })
            .build()?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn waiting(until: Instant, total: Instant, wait: Wait) -> Wait {
    if until < total { wait } else { Wait::Total }
}

/// Resolves names and looks at what they stand for; the connection goes there and nowhere else.
struct Resolver {
    may_be_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = addresses.collect();
            let private = addresses.iter().any(|address| !is_public(address.ip()));
            if private && !may_be_private {
                return Err(Denied::Private { host: name.as_str().to_owned() }.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The head of an answer, and its body as it comes.
#[derive(Debug)]
pub struct Answer {
    response: reqwest::Response,
    /// Until when the first bytes of the body are waited for; none once they are there.
    first: Option<Instant>,
    total: Instant,
    idle: Duration,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// [`Failure`]: the answer is over then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let (until, wait) = match self.first {
            Some(first) => (first, Wait::First),
            None => (Instant::now() + self.idle, Wait::Idle),
        };
        let until = until.min(self.total);
        let chunk = timeout_at(until, self.response.chunk()).await;
        let chunk = chunk.map_err(|_| Failure::TimedOut(waiting(until, self.total, wait)))??;
        self.first = None;
        Ok(chunk)
    }

    /// The whole body, of at most so many bytes.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn whole(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next().await? {
            if body.len() + chunk.len() > most {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
