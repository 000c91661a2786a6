//! Signing in with a provider: there, back, and what comes of it.

pub mod account;
pub mod authorize;
pub mod begin;
pub mod establish;
pub mod finish;
pub mod start;

use std::time::Duration;

use millwright_http::Cookie;

use crate::{domain::Attempt, secret::Secret, settings::Settings};

/// The cookie that binds an attempt to a browser.
pub fn login_cookie(settings: &Settings, binding: &Secret) -> Cookie {
    let secure = settings.is_secure();
    Cookie {
        name: login_cookie_name(settings),
        value: binding.expose().to_owned(),
        max_age: Attempt::LIFETIME,
        // Lax: the way back from the provider is another site's redirect.
        same_site: "Lax",
        secure,
    }
}

pub fn login_cookie_name(settings: &Settings) -> &'static str {
    if settings.is_secure() { "__Host-mw_login" } else { "mw_login" }
}

/// The cookie with the refresh token of a browser.
pub fn refresh_cookie(settings: &Settings, token: &Secret, max_age: Duration) -> Cookie {
    Cookie {
        name: refresh_cookie_name(settings),
        value: token.expose().to_owned(),
        max_age,
        same_site: "Strict",
        secure: settings.is_secure(),
    }
}

/// Takes the refresh token away.
pub fn no_refresh_cookie(settings: &Settings) -> Cookie {
    refresh_cookie(settings, &Secret::new(""), Duration::ZERO)
}

pub fn refresh_cookie_name(settings: &Settings) -> &'static str {
    if settings.is_secure() { "__Host-mw_refresh" } else { "mw_refresh" }
}

/// A URL with more parameters.
pub fn with_parameters<'p>(
    url: &str,
    parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_have_the_attributes_of_the_specification() {
        let settings = Settings::without_providers("https://api.example.org", "millwright");
        let cookie = refresh_cookie(&settings, &Secret::new("x"), Duration::from_secs(1));
        assert_eq!(cookie.name, "__Host-mw_refresh");
        assert_eq!((cookie.same_site, cookie.secure), ("Strict", true));
        let cookie = login_cookie(&settings, &Secret::new("x"));
        assert_eq!(cookie.name, "__Host-mw_login");
        assert_eq!((cookie.same_site, cookie.secure), ("Lax", true));
        assert_eq!(cookie.max_age, Duration::from_secs(600));
        let local = Settings::without_providers("http://127.0.0.1:9000", "millwright");
        assert_eq!(refresh_cookie_name(&local), "mw_refresh");
        assert!(!login_cookie(&local, &Secret::new("x")).secure);
    }
}
