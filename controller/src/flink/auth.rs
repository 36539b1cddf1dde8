//! Who we are to a cluster, and whom we trust. Nothing here shows a secret in its `Debug`.

use super::error::FlinkError;
use reqwest::header::HeaderValue;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A secret, given or in a file.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// As it is.
    Value(String),
    /// In a file, whose surrounding white space does not count; read again now and then, because tokens rotate.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Value(_) => f.write_str("***"),
            Secret::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl Secret {
    fn read(&self) -> Result<String, FlinkError> {
        match self {
            Secret::Value(v) => Ok(v.clone()),
            Secret::File(path) => Ok(read_file(path)?.trim().to_owned()),
        }
    }
}

fn read_file(path: &Path) -> Result<String, FlinkError> {
    std::fs::read_to_string(path).map_err(|e| FlinkError::Setup(format!("cannot read {}: {e}", path.display())))
}

/// Who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nobody, or whoever stands in the URL.
    #[default]
    None,
    /// Basic authentication.
    Basic {
        /// User.
        user: String,
        /// Password.
        password: Secret,
    },
    /// A bearer token.
    Bearer(Secret),
}

/// Whom we trust, and our certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the only authorities to trust; absent: the system's.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
}

/// A file with a token is read again after this: Kubernetes renews projected tokens well before they run out.
const REREAD: Duration = Duration::from_secs(30);

/// Makes the `Authorization` header.
pub struct Header {
    auth: Auth,
    cached: Mutex<Option<(Instant, HeaderValue)>>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.auth.fmt(f)
    }
}

impl Header {
    /// Checked once at the start, so that a missing file is told then.
    pub fn new(auth: Auth) -> Result<Header, FlinkError> {
        let header = Header { auth, cached: Mutex::new(None) };
        header.value()?;
        Ok(header)
    }

    /// The header's value, if there is one.
    pub fn value(&self) -> Result<Option<HeaderValue>, FlinkError> {
        if self.auth == Auth::None {
            return Ok(None);
        }
        let mut cached = self.cached.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*cached {
            Some((read, value)) if read.elapsed() < REREAD => return Ok(Some(value.clone())),
            _ => {}
        }
        let value = self.make()?;
        *cached = Some((Instant::now(), value.clone()));
        Ok(Some(value))
    }

    fn make(&self) -> Result<HeaderValue, FlinkError> {
        let text = match &self.auth {
            Auth::None => String::new(),
            Auth::Basic { user, password } => {
                format!("Basic {}", base64(format!("{user}:{}", password.read()?).as_bytes()))
            }
            Auth::Bearer(token) => format!("Bearer {}", token.read()?),
        };
        let bad = |_| FlinkError::Setup("the token or password holds characters that no HTTP header may have".into());
        let mut value = HeaderValue::try_from(text).map_err(bad)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4. Ten lines against one more dependency.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Applies trust and identity to the client that is being built.
pub fn apply_tls(mut http: reqwest::ClientBuilder, tls: &Tls) -> Result<reqwest::ClientBuilder, FlinkError> {
    if let Some(path) = &tls.ca {
        let bad = |e| FlinkError::Setup(format!("{} holds no usable PEM certificates: {e}", path.display()));
        let roots = reqwest::Certificate::from_pem_bundle(read_file(path)?.as_bytes()).map_err(bad)?;
        if roots.is_empty() {
            return Err(FlinkError::Setup(format!("{} holds no PEM certificate", path.display())));
        }
        http = http.tls_certs_only(roots);
    }
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(http),
        (Some(cert), Some(key)) => {
            let pem = format!("{}\n{}", read_file(cert)?, read_file(key)?);
            let bad = |_| FlinkError::Setup(format!("{} and {} are no PEM pair", cert.display(), key.display()));
            Ok(http.identity(reqwest::Identity::from_pem(pem.as_bytes()).map_err(bad)?))
        }
        _ => Err(FlinkError::Setup("a client certificate needs both its certificate file and its key file".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (text, want) in cases {
            assert_eq!(base64(text.as_bytes()), want);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let auth = Auth::Basic { user: "ann".into(), password: Secret::Value("hunter2".into()) };
        let header = Header::new(auth.clone()).unwrap();
        assert_eq!(header.value().unwrap().unwrap().as_bytes(), b"Basic YW5uOmh1bnRlcjI=");
        for shown in [format!("{auth:?}"), format!("{header:?}"), format!("{:?}", header.value().unwrap())] {
            assert!(!shown.contains("hunter2") && !shown.contains("aHVu"), "{shown}");
        }
    }

    #[test]
    fn a_missing_token_file_is_told_at_the_start() {
        let err = Header::new(Auth::Bearer(Secret::File("/nonexistent/token".into()))).unwrap_err();
        assert!(err.to_string().contains("/nonexistent/token"), "{err}");
    }
}
