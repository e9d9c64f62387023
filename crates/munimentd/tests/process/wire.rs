//! Connections to a member without `muniment-client` between: as little of it as a caller pleases.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use muniment_peer::tls::{Credentials, SpiffeId, Trust, client_config};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use crate::ledger::{CODES, Ledger};

/// How a bureau's service connects to one member, as often as it likes.
#[derive(Clone)]
pub(crate) struct Wire {
    connector: TlsConnector,
    address: String,
}

impl Ledger {
    /// Certificate and key of a bureau's directory.
    pub(crate) fn credentials(&self, bureau: usize, name: &str) -> Arc<Credentials> {
        let file = |kind: &str| self.bureau_dir(bureau).join(format!("{name}.{kind}"));
        Credentials::load(&file("pem"), &file("key")).expect("credentials")
    }

    /// The way to a member's public port with a bureau's client certificate; it insists on that member's certificate.
    pub(crate) fn wire(&self, bureau: usize, member: usize) -> Wire {
        let address = self.founding.founders[member].contact.client_address.clone();
        self.wire_to(&self.credentials(bureau, "client"), member, address)
    }

    /// The same with any certificate, to any port of that member.
    pub(crate) fn wire_to(&self, credentials: &Arc<Credentials>, member: usize, address: String) -> Wire {
        let trust = Trust::of_founding(&self.founding, &BTreeMap::new()).expect("CAs");
        let contact = &self.founding.founders[member].contact;
        let expected = SpiffeId::node(&contact.trust_domain, CODES[member]);
        let config = client_config(&trust, credentials, expected).expect("TLS 1.3");
        Wire { connector: TlsConnector::from(config), address }
    }
}

impl Wire {
    /// A connection whose handshake is over, as far as the caller can tell.
    pub(crate) async fn dial(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("node.example").expect("a name");
        self.connector.connect(name, stream).await
    }

    /// A connection for gRPC.
    pub(crate) async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        self.channel_by(Endpoint::from_static("http://node.example")).await
    }

    /// A connection for gRPC that takes in no more unread than HTTP/2 makes it (RFC 9113 6.9.2: 65,535 bytes).
    pub(crate) async fn narrow_channel(&self) -> Result<Channel, tonic::transport::Error> {
        let endpoint = Endpoint::from_static("http://node.example");
        self.channel_by(endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535))
            .await
    }

    async fn channel_by(&self, endpoint: Endpoint) -> Result<Channel, tonic::transport::Error> {
        let wire = self.clone();
        let connect = tower::service_fn(move |_| {
            let wire = wire.clone();
            async move { wire.dial().await.map(TokioIo::new) }
        });
        endpoint.connect_with_connector(connect).await
    }
}
