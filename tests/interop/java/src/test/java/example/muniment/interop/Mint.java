package example.muniment.interop;

import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** Makes certificates that a node must not accept, and one that it must. */
final class Mint {
  private Mint() {}

  /** A client's certificate for a trust domain, issued by this CA. */
  static Bureau.Identity client(String domain, Bureau.Identity ca) throws Exception {
    KeyPair pair = pair();
    X509v3CertificateBuilder builder =
        builder(certificate(ca).getSubjectX500Principal(), new X500Principal("CN=client"), pair);
    GeneralName id =
        new GeneralName(GeneralName.uniformResourceIdentifier, "spiffe://" + domain + "/client/exchange-gateway");
    builder.addExtension(Extension.subjectAlternativeName, true, new GeneralNames(id));
    builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(KeyPurposeId.id_kp_clientAuth));
    return signed(builder, key(ca), pair);
  }

  /** A CA that no bureau has, under the name of one. */
  static Bureau.Identity authority(Bureau.Identity named) throws Exception {
    KeyPair pair = pair();
    X500Principal name = certificate(named).getSubjectX500Principal();
    X509v3CertificateBuilder builder = builder(name, name, pair);
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
    return signed(builder, pair.getPrivate(), pair);
  }

  private static KeyPair pair() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  private static X509v3CertificateBuilder builder(X500Principal issuer, X500Principal subject, KeyPair pair) {
    Instant now = Instant.now();
    return new JcaX509v3CertificateBuilder(
        issuer,
        BigInteger.ONE,
        Date.from(now.minus(Duration.ofHours(1))),
        Date.from(now.plus(Duration.ofHours(1))),
        subject,
        pair.getPublic());
  }

  private static Bureau.Identity signed(X509v3CertificateBuilder builder, PrivateKey issuer, KeyPair pair)
      throws Exception {
    Object certificate = builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(issuer));
    return new Bureau.Identity(pem(certificate), pem(new JcaPKCS8Generator(pair.getPrivate(), null)));
  }

  private static byte[] pem(Object object) throws Exception {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(object);
    }
    return text.toString().getBytes(StandardCharsets.US_ASCII);
  }

  private static X509Certificate certificate(Bureau.Identity identity) throws Exception {
    return (X509Certificate)
        CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(identity.certificate()));
  }

  private static PrivateKey key(Bureau.Identity identity) throws Exception {
    String text = new String(identity.key(), StandardCharsets.US_ASCII);
    try (PEMParser parser = new PEMParser(new StringReader(text))) {
      return new JcaPEMKeyConverter().getPrivateKey((PrivateKeyInfo) parser.readObject());
    }
  }
}
