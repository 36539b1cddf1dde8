//! What a cluster's URL looks like to people: without credentials.

use crate::run::narrate::one_line;
use reqwest::Url;

/// The URL without credentials and trailing slash: the name of a cluster that has no other. An error says what is
/// wrong with it, without showing what may be a password.
pub fn shown(text: &str) -> Result<String, String> {
    let bad = |why: &str| {
        let safe = text.rsplit('@').next().unwrap_or_default();
        format!("{:?} is not the URL of a Flink REST API: {why}; it looks like http://host:8081", one_line(safe))
    };
    let mut url = Url::parse(text).map_err(|e| bad(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it must begin with http:// or https://"));
    }
    if url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it must have a host, and neither ? nor #"));
    }
    let no_user = url.set_username("").and_then(|()| url.set_password(None));
    no_user.map_err(|()| bad("it cannot have a host"))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
