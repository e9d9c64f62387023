package example.muniment.interop;

import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * Takes a server for a node of one bureau: by its one SPIFFE id under the bureau's own CA. Host names say nothing about who
 * runs a node, so that none is looked at.
 */
final class NodeTrust extends X509ExtendedTrustManager {
  private static final int URI_NAME = 6;

  private final X509TrustManager chains;
  private final String domain;

  NodeTrust(Path ca, String domain) throws Exception {
    KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
    roots.load(null, null);
    try (InputStream pem = Files.newInputStream(ca)) {
      Certificate certificate = CertificateFactory.getInstance("X.509").generateCertificate(pem);
      roots.setCertificateEntry("ca", certificate);
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(roots);
    this.chains = (X509TrustManager) factory.getTrustManagers()[0];
    this.domain = domain;
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
    chains.checkServerTrusted(chain, authType);
    Collection<List<?>> names = chain[0].getSubjectAlternativeNames();
    List<URI> ids =
        (names == null ? List.<List<?>>of() : names).stream()
            .filter(name -> name.get(0).equals(URI_NAME))
            .map(name -> URI.create((String) name.get(1)))
            .toList();
    if (ids.size() != 1) {
      throw new CertificateException(ids.size() + " URIs in the certificate, not one");
    }
    URI id = ids.get(0);
    boolean isNode = "spiffe".equals(id.getScheme()) && id.getPath().startsWith("/node/");
    if (!isNode || !domain.equals(id.getHost())) {
      throw new CertificateException("the certificate is not that of a node of " + domain);
    }
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    checkServerTrusted(chain, authType);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    checkServerTrusted(chain, authType);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
    throw new CertificateException("this is a client");
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    throw new CertificateException("this is a client");
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    throw new CertificateException("this is a client");
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return chains.getAcceptedIssuers();
  }
}
