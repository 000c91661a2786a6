//! Where a call may go.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::LazyLock,
};

use ipnet::IpNet;
use url::{Host, Url};

/// Why a call may not go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Neither https nor a host the operator has named.
    Scheme,
    /// The address is private, or of the machine, the link, or of no one.
    Private { host: String },
    /// No host, or a user or password in the address.
    Malformed,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Scheme => {
                f.write_str("must begin with https://, unless the operator has allowed the host")
            }
            Denied::Private { host } => {
                write!(f, "{host} is no public address, and the operator has not allowed it")
            }
            Denied::Malformed => f.write_str("must have a host, and no user name or password"),
        }
    }
}

impl std::error::Error for Denied {}

/// Where calls may go: public addresses by https, and the hosts that the operator has named, which
/// may be private and may speak http.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    named: BTreeSet<String>,
}

impl Destinations {
    /// With these hosts: names or addresses, each with a port or for all ports.
    pub fn with<I: IntoIterator<Item = S>, S: AsRef<str>>(hosts: I) -> Destinations {
        let named = hosts.into_iter().map(|host| host.as_ref().trim().to_ascii_lowercase());
        Destinations { named: named.filter(|host| !host.is_empty()).collect() }
    }

    /// Whether an address may be called, as far as it says itself. What a name stands for is looked
    /// at by the client, for each connection.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, url: &Url) -> Result<(), Denied> {
        let host = url.host().ok_or(Denied::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Denied::Malformed);
        }
        if self.names(url) {
            return match url.scheme() {
                "http" | "https" => Ok(()),
                _ => Err(Denied::Scheme),
            };
        }
        if url.scheme() != "https" {
            return Err(Denied::Scheme);
        }
        let is_private = match host {
            Host::Ipv4(address) => !is_public(address.into()),
            Host::Ipv6(address) => !is_public(address.into()),
            Host::Domain(name) => is_local(name),
        };
        match is_private {
            true => Err(Denied::Private { host: host.to_string() }),
            false => Ok(()),
        }
    }

    /// True if the operator has named the host, so that it may be private.
    pub fn names(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or_default();
        self.named.contains(&host) || self.named.contains(&format!("{host}:{port}"))
    }
}

/// Names that mean this machine or its network, whatever a resolver says: RFC 6761, RFC 6762,
/// RFC 8375, and what ICANN keeps for private use.
const LOCAL_NAMES: &[&str] = &["localhost", "local", "internal", "home.arpa", "lan", "intranet"];

/// True of names that no public resolver knows.
fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let below = |local: &&str| {
        let before = name.strip_suffix(*local);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    !name.contains('.') || LOCAL_NAMES.iter().any(below)
}

/// True of addresses that the whole internet reaches.
///
/// Not those of the IANA registries of special-purpose addresses (RFC 6890) that are not globally
/// reachable, nor groups, nor what only wraps an IPv4 address: that one is looked at instead.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !SPECIAL.iter().any(|net| net.contains(&address)),
        IpAddr::V6(six) => match wrapped(six) {
            Some(four) => is_public(four),
            None => GLOBAL.contains(&address) && !SPECIAL.iter().any(|net| net.contains(&address)),
        },
    }
}

/// The IPv4 address in one of IPv6: mapped, translated by a well-known prefix, or 6to4.
fn wrapped(six: Ipv6Addr) -> Option<IpAddr> {
    if let Some(four) = six.to_ipv4_mapped() {
        return Some(IpAddr::V4(four));
    }
    let octets = six.octets();
    let at = |from: usize| <[u8; 4]>::try_from(octets.get(from..from + 4)?).ok();
    match six.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => at(12).map(IpAddr::from),
        [0x2002, ..] => at(2).map(IpAddr::from),
        _ => None,
    }
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// What IPv6 gives out to the world (RFC 4291 section 2.4).
static GLOBAL: LazyLock<IpNet> = LazyLock::new(|| {
    IpNet::new_assert("2000::".parse().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), 3)
});

static SPECIAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    nets(&[
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        // Teredo, ORCHID, documentation, segment routing.
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
    ])
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(destinations: &Destinations, url: &str) -> Result<(), Denied> {
        destinations.check(&url.parse().expect("a URL"))
    }

    #[test]
    fn public_addresses_are_called_by_https_alone() {
        let none = Destinations::default();
        for url in ["https://api.openai.com/v1", "https://8.8.8.8", "https://[2606:4700::1111]/"] {
            assert_eq!(check(&none, url), Ok(()), "{url}");
        }
        assert_eq!(check(&none, "http://api.openai.com"), Err(Denied::Scheme));
        assert_eq!(check(&none, "ftp://api.openai.com"), Err(Denied::Scheme));
        assert_eq!(check(&none, "https://user:word@api.openai.com"), Err(Denied::Malformed));
    }

    #[test]
    fn every_way_to_write_a_private_address_is_refused() {
        let none = Destinations::default();
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "255.255.255.255",
            "224.0.0.1",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[::127.0.0.1]",
            "[64:ff9b:1::1]",
            "localhost",
            "db.localhost.",
            "metadata.google.internal",
            "printer.local",
            "intranet",
        ] {
            let denied = check(&none, &format!("https://{host}/latest/meta-data"));
            assert!(matches!(denied, Err(Denied::Private { .. })), "{host}: {denied:?}");
        }
    }

    #[test]
    fn a_host_that_the_operator_names_may_be_private_and_speak_http() {
        let named = Destinations::with(["localhost:11434", "Models.internal", "127.0.0.1"]);
        for url in [
            "http://localhost:11434/api",
            "http://models.internal:8080",
            "https://models.internal.",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(check(&named, url), Ok(()), "{url}");
        }
        assert_eq!(check(&named, "http://localhost:11435"), Err(Denied::Scheme));
        assert_eq!(check(&named, "http://sub.models.internal"), Err(Denied::Scheme));
        assert_eq!(check(&named, "ftp://localhost:11434/"), Err(Denied::Scheme));
    }
}
