//! Talking to a running `weirkeeper run`.

use crate::api::shapes::ErrorShape;
use crate::api::token::{self, Token};
use crate::args::ServerArgs;
use crate::exit::Stop;
use crate::run::narrate::one_line;
use crate::settings::default_state;
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::time::Duration;

/// The loop answers within milliseconds; a durable write on a slow disk takes longer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A running weirkeeper.
pub struct Server {
    base: Url,
    http: reqwest::Client,
    token_file: Option<PathBuf>,
}

impl Server {
    /// From the options. Nothing is asked yet.
    pub fn new(args: &ServerArgs) -> Result<Server, Stop> {
        let bad = |why: String| Stop::cannot(format!("--server: {why}; it looks like http://127.0.0.1:8090"));
        let base = Url::parse(&args.server).map_err(|e| bad(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad("it is no http URL".into()));
        }
        let mut http = reqwest::Client::builder().timeout(TIMEOUT);
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            // A proxy of the environment knows nothing of this machine's own ports.
            http = http.no_proxy();
        }
        let state = || std::env::var_os("WEIRKEEPER_STATE").map(PathBuf::from).or_else(default_state);
        let token_file = args.token_file.clone().or_else(|| state().map(|s| token::path(&s)));
        Ok(Server { base, http: http.build().map_err(Stop::broke)?, token_file })
    }

    /// Reads.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &str) -> Result<T, Stop> {
        let mut url = self.url(path);
        url.set_query(Some(query).filter(|q| !q.is_empty()));
        // Where reads need the token too, it is sent if it is there.
        self.call(Method::GET, url, None::<&()>, self.token().ok()).await
    }

    /// Changes.
    pub async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Stop> {
        self.call(Method::POST, self.url(path), Some(body), Some(self.token()?)).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url
    }

    fn token(&self) -> Result<Token, Stop> {
        let Some(path) = &self.token_file else {
            return Err(Stop::cannot("this needs the server's token: give its file with --token-file FILE"));
        };
        Token::read(path).map_err(|e| {
            Stop::cannot(format!("{e}; it is STATE.token beside the server's state file: --token-file FILE"))
        })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
        token: Option<Token>,
    ) -> Result<T, Stop> {
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.header("authorization", token.header());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|e| self.strange(&e.to_string()));
        }
        Err(self.refusal(status, &bytes))
    }

    fn refusal(&self, status: StatusCode, bytes: &[u8]) -> Stop {
        let Ok(said) = serde_json::from_slice::<ErrorShape>(bytes) else {
            return self.strange(&format!("it answers {status}"));
        };
        let message = one_line(&said.error);
        match status {
            StatusCode::UNAUTHORIZED => Stop::cannot(format!("{message} (--token-file FILE)")),
            status if status.is_client_error() => Stop::no(message),
            _ => Stop::cannot(message),
        }
    }

    fn shown(&self) -> String {
        let mut url = self.base.clone();
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.to_string()
    }

    fn unreachable(&self, e: &reqwest::Error) -> Stop {
        let mut cause: &dyn std::error::Error = e;
        while let Some(next) = cause.source() {
            cause = next;
        }
        let shown = self.shown();
        Stop::cannot(format!(
            "{shown} does not answer ({cause}): is `weirkeeper run` running, and is this its --listen address? (--server URL)"
        ))
    }

    fn strange(&self, why: &str) -> Stop {
        Stop::cannot(format!("{} is not a weirkeeper of this version: {why}", self.shown()))
    }
}
