package example.muniment.interop;

import static org.junit.jupiter.api.Assertions.assertThrows;

import example.muniment.v1.GetStatisticsRequest;
import example.muniment.v1.SubmitRequest;
import io.grpc.Status;
import java.io.InputStream;
import java.nio.file.Files;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who is answered, and who is believed. */
final class IdentityTest {
  private final Bureau hefei = Bureau.hefei();
  private final Bureau bozhou = Bureau.bozhou();

  /** A call, and that it is answered. */
  private static void answered(Bureau bureau, Bureau as, Bureau.Identity identity) throws Exception {
    try (Ledger ledger = Ledger.at(bureau, as, identity)) {
      ledger.call().getStatistics(GetStatisticsRequest.getDefaultInstance());
    }
  }

  /** The handshake fails, so that the call gets no answer at all. The same call with the right identity comes before. */
  private static void turnedAway(Bureau bureau, Bureau as, Bureau.Identity identity) throws Exception {
    try (Ledger ledger = Ledger.at(bureau, as, identity)) {
      Refusals.refused(
          Status.Code.UNAVAILABLE,
          () -> ledger.call().getStatistics(GetStatisticsRequest.getDefaultInstance()));
    }
  }

  @Test
  void withoutACertificateNothingIsAnswered() throws Exception {
    answered(hefei, hefei, hefei.client());
    turnedAway(hefei, hefei, null);
  }

  @Test
  void aCertificateThatTheBureausOwnCaDidNotIssueIsRefused() throws Exception {
    answered(hefei, hefei, Mint.client(hefei.domain(), hefei.authority()));
    turnedAway(hefei, hefei, Mint.client(hefei.domain(), Mint.authority(hefei.authority())));
    turnedAway(hefei, hefei, Mint.client(hefei.domain(), bozhou.authority()));
  }

  /** The other way round: Bozhou's node is no node of Hefei's, and Hefei's gateway does not talk to it as one. */
  @Test
  void anotherBureausNodeIsNotTakenForOurs() throws Exception {
    answered(bozhou, bozhou, hefei.client());
    turnedAway(bozhou, hefei, hefei.client());
  }

  /** Not the CA alone: Hefei's gateway holds a certificate of Hefei's CA too, and is no node. */
  @Test
  void onlyANodesCertificateIsBelieved() throws Exception {
    NodeTrust trust = new NodeTrust(hefei.dir().resolve("ca.pem"), hefei.domain());
    trust.checkServerTrusted(chain(hefei, "node"), "ECDHE_ECDSA");
    for (X509Certificate[] other :
        List.of(chain(hefei, "client"), chain(hefei, "admin"), chain(bozhou, "node"))) {
      assertThrows(
          CertificateException.class, () -> trust.checkServerTrusted(other, "ECDHE_ECDSA"), other[0]::toString);
    }
  }

  private static X509Certificate[] chain(Bureau bureau, String name) throws Exception {
    try (InputStream pem = Files.newInputStream(bureau.dir().resolve(name + ".pem"))) {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      return new X509Certificate[] {(X509Certificate) factory.generateCertificate(pem)};
    }
  }

  @Test
  void aNodeSignsForItsOwnBureausClientsOnly() throws Exception {
    try (Ledger ledger = Ledger.at(hefei, hefei, bozhou.client())) {
      SubmitRequest request =
          Ledger.submission(Ledger.access(ledger.id()).setSubmitter(2).build()).build();
      Refusals.refused(
          Status.Code.PERMISSION_DENIED, "ATTRIBUTION_REQUIRED", () -> ledger.call().submit(request));
    }
  }
}
