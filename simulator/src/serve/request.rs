//! A request taken apart.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The longest first line of a request that Flink reads; a longer one is taken for a file that is not there.
const MAX_LINE: usize = 4_096;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, ...
    pub method: String,
    /// Path without the version in front of it (`/v1`), beginning with `/`.
    pub path: String,
    /// Query, decoded.
    pub query: Vec<(String, String)>,
    /// Body, where it is JSON.
    pub body: Value,
    /// Body as it came: an upload is no JSON.
    pub bytes: Vec<u8>,
    /// Its first line is longer than Flink reads.
    pub too_long: bool,
}

impl Request {
    /// `target` is the path with the query, as it came.
    pub fn new(method: &str, target: &str, bytes: &[u8]) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v1/").map_or_else(|| path.to_owned(), |rest| format!("/{rest}"));
        Request {
            method: method.to_owned(),
            path: decode(&path),
            query: query.split('&').filter(|p| !p.is_empty()).map(pair).collect(),
            body: serde_json::from_slice(bytes).unwrap_or(Value::Null),
            bytes: bytes.to_vec(),
            too_long: method.len() + target.len() + " HTTP/1.1 ".len() > MAX_LINE,
        }
    }

    /// Value of a parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Its values, where they are a list.
    pub fn list(&self, key: &str) -> Option<Vec<&str>> {
        self.get(key).map(|v| v.split(',').filter(|v| !v.is_empty()).collect())
    }

    /// Parts of its path.
    pub fn parts(&self) -> Vec<&str> {
        self.path.split('/').filter(|p| !p.is_empty()).collect()
    }
}

fn pair(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (decode(key), decode(&value.replace('+', " ")))
}

/// Percent-decodes; what is no code stays as it is.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart() {
        let r = Request::new("GET", "/v1/jobs/a%20b?get=x,y%2Cz&agg=min&q", b"");
        assert_eq!((r.path.as_str(), r.parts()), ("/jobs/a b", vec!["jobs", "a b"]));
        assert_eq!(r.list("get"), Some(vec!["x", "y", "z"]));
        assert_eq!((r.get("agg"), r.get("q"), r.get("none")), (Some("min"), Some(""), None));
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_first_line_of_4096_bytes_is_read_and_one_more_is_not() {
        let line = |n: usize| Request::new("GET", &"x".repeat(n), b"").too_long;
        assert!(!line(4_096 - 13) && line(4_096 - 12), "GET, two blanks and HTTP/1.1 are 13 bytes more");
    }
}
