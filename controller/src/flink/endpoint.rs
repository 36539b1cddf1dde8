//! Where a cluster's REST API is: the URL without its credentials, with the path prefix a proxy may want.

use super::error::FlinkError;
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Flink (its netty HTTP decoder) refuses a longer request line, with a 404 of all things.
pub const MAX_REQUEST_LINE: usize = 4096;
/// `GET ` before and ` HTTP/1.1` after the path, and some room for a proxy that adds to it.
const LINE_OVERHEAD: usize = 13 + 83;

/// A parsed base URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: String,
    prefix: usize,
    /// https.
    pub secure: bool,
    /// This machine: no proxy of the environment is asked.
    pub loopback: bool,
    user: Option<(String, String)>,
}

impl Endpoint {
    /// From what a person gave.
    pub fn parse(text: &str) -> Result<Endpoint, FlinkError> {
        let shown = super::scrub::line(text, 200);
        let bad = |why: &str| FlinkError::Setup(format!("{shown:?} is not the URL of a Flink REST API: {why}"));
        let mut url = Url::parse(text).map_err(|e| bad(&format!("{e}; it looks like http://host:8081")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it must begin with http:// or https://"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must end with its path, without ? and #"));
        }
        let host = url.host_str().ok_or_else(|| bad("it has no host"))?.to_owned();
        let user = take_user(&mut url);
        let base = url.as_str().trim_end_matches('/').to_owned();
        let prefix = url.path().trim_end_matches('/').len();
        let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        Ok(Endpoint { base, prefix, secure: url.scheme() == "https", loopback, user })
    }

    /// The whole URL of a path, which begins with `/` and is encoded.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Name of the cluster: the URL without credentials.
    pub fn name(&self) -> &str {
        &self.base
    }

    /// User and password that stood in the URL.
    pub fn user(&self) -> Option<&(String, String)> {
        self.user.as_ref()
    }

    /// How many bytes a path may have so that the request line stays below Flink's limit.
    pub fn room(&self) -> usize {
        MAX_REQUEST_LINE.saturating_sub(LINE_OVERHEAD + self.prefix)
    }
}

fn take_user(url: &mut Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = (decoded(url.username()), decoded(url.password().unwrap_or("")));
    // These setters fail only for URLs that cannot have a host, and such were refused before.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(user)
}

/// Percent-decoding of user information.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.base)
    }
}

/// Whether an id that came from a cluster can stand in a path as it is. Flink's are hex digits; TaskManagers' resource
/// ids hold letters, digits, `-`, `_`, `.` and `:`.
pub fn is_safe_id(id: &str) -> bool {
    (1..=200).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
        && !id.chars().all(|c| c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_prefix_and_strips_credentials() {
        let e = Endpoint::parse("https://ann:p%40ss@flink.example:8443/team/a/").unwrap();
        assert_eq!(e.name(), "https://flink.example:8443/team/a");
        assert_eq!(e.url("/jobs/overview"), "https://flink.example:8443/team/a/jobs/overview");
        assert_eq!(e.user(), Some(&("ann".to_owned(), "p@ss".to_owned())));
        assert!(!format!("{e:?}").contains("p@ss") && !format!("{e:?}").contains("ann"));
        assert_eq!(e.room(), 4096 - 96 - "/team/a".len());
    }

    #[test]
    fn refuses_what_is_not_a_rest_url_without_showing_its_password() {
        for bad in ["localhost:8081", "ftp://ann:pw123@x", "http://ann:pw123@x/?q=1", "http://", "", "x y"] {
            let err = Endpoint::parse(bad).unwrap_err().to_string();
            assert!(!err.contains("pw123") && !err.contains('\n'), "{err}");
        }
    }

    #[test]
    fn ids_cannot_leave_their_path_segment() {
        for good in ["d7ff2b9cbad19d220b4964a1d56f6db9", "tm1", "10.0.0.7:41233-ab12"] {
            assert!(is_safe_id(good), "{good}");
        }
        for bad in ["", "..", "a/b", "a?b", "a%2fb", "a b", "ä"] {
            assert!(!is_safe_id(bad), "{bad}");
        }
    }
}
