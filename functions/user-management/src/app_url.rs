//! Where people use the installation.

use std::sync::Arc;

use millwright_aws::Parameters;
use millwright_core::Result;
use serde::Deserialize;
use tokio::sync::OnceCell;

/// The origin that links to people begin with: the first of the `appOrigins` in the settings of
/// `auth`, or the API's own if there are none. Cheap to clone.
#[derive(Clone)]
pub struct AppUrl(Arc<Source>);

enum Source {
    Known(String),
    /// Read once, when it is first needed.
    Setting {
        parameters: Box<Parameters>,
        public_url: String,
        read: OnceCell<String>,
    },
}

/// Of the settings of `auth`, what is said of our pages.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Settings {
    public_url: Option<String>,
    app_origins: Vec<String>,
}

impl AppUrl {
    pub fn of_settings(parameters: Parameters, public_url: String) -> AppUrl {
        let (parameters, read) = (Box::new(parameters), OnceCell::new());
        AppUrl(Arc::new(Source::Setting { parameters, public_url, read }))
    }

    /// One GetParameter of each process.
    ///
    /// # Errors
    /// `unavailable` if the settings cannot be read.
    pub async fn get(&self) -> Result<&str> {
        match &*self.0 {
            Source::Known(url) => Ok(url),
            Source::Setting { parameters, public_url, read } => {
                let url = read.get_or_try_init(|| async {
                    let text = parameters.get("auth/settings").await?;
                    Ok::<_, millwright_core::Error>(first_of(text.as_deref(), public_url))
                });
                Ok(url.await?)
            }
        }
    }
}

impl From<&str> for AppUrl {
    fn from(url: &str) -> AppUrl {
        AppUrl(Arc::new(Source::Known(url.to_owned())))
    }
}

/// Settings that cannot be read keep `auth` from starting, and invite to the API's own origin.
fn first_of(text: Option<&str>, public_url: &str) -> String {
    let settings: Settings =
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let own = settings.public_url.unwrap_or_else(|| public_url.to_owned());
    settings.app_origins.into_iter().next().unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::first_of;

    #[test]
    fn links_lead_to_the_first_of_our_pages() {
        let of = |text| first_of(text, "https://api.example.org");
        assert_eq!(of(None), "https://api.example.org");
        assert_eq!(of(Some("{")), "https://api.example.org");
        assert_eq!(of(Some(r#"{"publicUrl":"https://a.example.org"}"#)), "https://a.example.org");
        let two = r#"{"appOrigins":["https://app.example.org","https://b.example.org"],"x":1}"#;
        assert_eq!(of(Some(two)), "https://app.example.org");
    }
}
