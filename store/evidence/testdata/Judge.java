// Judge reads evidence records with Bouncy Castle, which knows nothing of the
// code that wrote them.
//
//   Judge verify TSACERT RECORD OBJECT... [-- RECORD OBJECT...]...
//       a line for each record: "accepted" if it proves the group, else "refused" and why
//   Judge ask-timestamp RECORD REQUEST           a request for a timestamp renewal
//   Judge timestamp RECORD RESPONSE RENEWED      the record so renewed
//   Judge ask-hashtree RECORD REQUEST OBJECT...  a request for a hash-tree renewal
//   Judge hashtree RECORD RESPONSE RENEWED OBJECT...
//   Judge ask-record REQUEST OBJECT...           a request for a record of its own making
//   Judge record RESPONSE RECORD OBJECT...       that record
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.SignerInformationVerifier;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DigestCalculator;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TSPException;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;
import org.bouncycastle.tsp.ers.ERSArchiveTimeStampGenerator;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSData;
import org.bouncycastle.tsp.ers.ERSDataGroup;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;
import org.bouncycastle.tsp.ers.ERSEvidenceRecordGenerator;
import org.bouncycastle.tsp.ers.ERSException;

public class Judge {
  static final BouncyCastleProvider BC = new BouncyCastleProvider();

  public static void main(String[] args) throws Exception {
    DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider(BC).build();
    DigestCalculator sha256 = digests.get(new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256));
    TimeStampRequestGenerator ask = new TimeStampRequestGenerator();
    ask.setCertReq(true);
    switch (args[0]) {
      case "verify": {
        SignerInformationVerifier tsa =
            new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(new X509CertificateHolder(read(args[1])));
        for (int from = 2, to; from < args.length; from = to + 1) {
          for (to = from; to < args.length && !args[to].equals("--"); to++) {}
          System.out.println(verify(Arrays.copyOfRange(args, from, to), tsa, digests));
        }
        break;
      }
      case "ask-timestamp":
        write(args[2], new ERSEvidenceRecord(read(args[1]), digests).generateTimeStampRenewalRequest(ask).getEncoded());
        break;
      case "timestamp":
        write(args[3], new ERSEvidenceRecord(read(args[1]), digests)
            .renewTimeStamp(new TimeStampResponse(read(args[2]))).getEncoded());
        break;
      case "ask-hashtree":
        write(args[2], new ERSEvidenceRecord(read(args[1]), digests)
            .generateHashRenewalRequest(sha256, group(args, 3), ask).getEncoded());
        break;
      case "hashtree":
        write(args[3], new ERSEvidenceRecord(read(args[1]), digests)
            .renewHash(sha256, group(args, 4), new TimeStampResponse(read(args[2]))).getEncoded());
        break;
      case "ask-record": {
        ERSArchiveTimeStampGenerator generator = new ERSArchiveTimeStampGenerator(sha256);
        generator.addData(group(args, 2));
        write(args[1], generator.generateTimeStampRequest(ask).getEncoded());
        break;
      }
      case "record": {
        ERSArchiveTimeStampGenerator generator = new ERSArchiveTimeStampGenerator(sha256);
        generator.addData(group(args, 3));
        write(args[2], new ERSEvidenceRecordGenerator(digests)
            .generate(generator.generateArchiveTimeStamp(new TimeStampResponse(read(args[1])))).getEncoded());
        break;
      }
      default:
        throw new IllegalArgumentException(args[0]);
    }
  }

  static String verify(String[] args, SignerInformationVerifier tsa, DigestCalculatorProvider digests) throws Exception {
    try {
      ERSEvidenceRecord record = new ERSEvidenceRecord(read(args[0]), digests);
      record.validatePresent(group(args, 1), new Date());
      record.validate(tsa);
      return "accepted";
    } catch (TSPException | ERSException e) {
      return "refused: " + e.getMessage();
    }
  }

  static ERSData group(String[] args, int from) throws Exception {
    List<ERSData> objects = new ArrayList<>();
    for (int i = from; i < args.length; i++) {
      objects.add(new ERSByteData(read(args[i])));
    }
    return objects.size() == 1 ? objects.get(0) : new ERSDataGroup(objects);
  }

  static byte[] read(String name) throws Exception {
    return Files.readAllBytes(Path.of(name));
  }

  static void write(String name, byte[] bytes) throws Exception {
    Files.write(Path.of(name), bytes);
  }
}
