//! What a device is called until its owner says otherwise.

use woothee::parser::Parser;

use super::DeviceName;

/// "Firefox on Linux", of a `User-Agent`.
pub fn device_name(user_agent: &str, wanted: Option<&str>) -> DeviceName {
    let cut = |text: &str| text.chars().take(100).collect::<String>().parse().ok();
    wanted.and_then(cut).or_else(|| cut(&described(user_agent))).unwrap_or_default()
}

fn described(user_agent: &str) -> String {
    let Some(parsed) = Parser::new().parse(user_agent) else {
        return "Unknown device".to_owned();
    };
    let [browser, system] =
        [parsed.name, parsed.os].map(|name| (name != "UNKNOWN").then_some(name));
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("Browser on {system}"),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_called_what_people_call_them() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        assert_eq!(device_name(firefox, None).as_str(), "Firefox on Linux");
        assert_eq!(device_name(firefox, Some("Desk")).as_str(), "Desk");
        assert_eq!(device_name("", None).as_str(), "Unknown device");
        assert_eq!(device_name("\u{0}", Some("\u{0}")).as_str(), "Unknown device");
    }
}
