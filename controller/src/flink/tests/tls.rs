//! TLS with an authority of our own, with and without a client certificate.

use crate::flink::client::Lane;
use crate::flink::{ClientConfig, FlinkClient, FlinkError, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

struct Authority {
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Authority { pem: cert.pem(), der: cert.der().clone(), issuer: Issuer::new(params, key) }
}

/// A server for one test, in a thread of its own; it ends with the test's process.
fn serve(ca: &Authority, clients: bool) -> String {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &ca.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        false => builder.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der.clone()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = Arc::new(builder.with_single_cert(vec![cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
            let mut request = [0; 4_096];
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    url
}

async fn get(url: &str, tls: Tls) -> Result<Value, FlinkError> {
    let client = FlinkClient::new(ClientConfig { tls, ..ClientConfig::new(url) })?;
    client.get(Lane::Poll, "/jobs/overview").await
}

fn write(dir: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn only_the_authority_that_was_given_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (authority(), authority());
    let url = serve(&ours, false);
    let tls = |ca: &Authority| Tls { ca: Some(write(dir.path(), "ca.pem", &ca.pem)), ..Tls::default() };
    assert!(get(&url, tls(&ours)).await.is_ok());
    let error = get(&url, tls(&other)).await.unwrap_err();
    assert!(matches!(error, FlinkError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let ca = authority();
    let url = serve(&ca, true);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["weirkeeper".into()]).unwrap().signed_by(&key, &ca.issuer).unwrap();
    let ca_file = Some(write(dir.path(), "ca.pem", &ca.pem));
    let certificate = Some(write(dir.path(), "cert.pem", &cert.pem()));
    let key = Some(write(dir.path(), "key.pem", &key.serialize_pem()));
    let full = Tls { ca: ca_file.clone(), certificate: certificate.clone(), key };
    assert!(get(&url, full).await.is_ok());
    assert!(get(&url, Tls { ca: ca_file.clone(), ..Tls::default() }).await.is_err());
    let half = get(&url, Tls { ca: ca_file, certificate, key: None }).await.unwrap_err();
    assert!(half.to_string().contains("key file"), "{half}");
}

#[tokio::test]
async fn a_file_without_certificates_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Some(write(dir.path(), "ca.pem", "nothing"));
    let error = get("https://localhost:1", Tls { ca, ..Tls::default() }).await.unwrap_err();
    assert!(matches!(&error, FlinkError::Setup(why) if why.contains("ca.pem")), "{error:?}");
}
