using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Rx.IotLink.Server;

/// <summary>
/// The ids that a certificate names: the common names of its subject and, among its alternative names, the DNS names,
/// the URIs and the last part of each URI. All are compared exactly, like ids: a certificate of <c>pump-1</c> is not
/// valid for <c>PUMP-1</c>.
/// </summary>
internal static class CertificateNames
{
    private const string CommonName = "2.5.4.3";
    private const string AlternativeNames = "2.5.29.17";

    // RFC 5280, 4.2.1.6.
    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);

    /// <summary>Whether this id is among them.</summary>
    public static bool Has(X509Certificate2 certificate, string id)
    {
        try
        {
            return id.Length > 0 && (HasCommonName(certificate, id) || certificate.Extensions.Any(e => e.Oid?.Value == AlternativeNames && HasAlternative(e.RawData, id)));
        }
        catch (Exception exception) when (exception is CryptographicException or AsnContentException)
        {
            // A malformed name matches no id.
            return false;
        }
    }

    private static bool HasCommonName(X509Certificate2 certificate, string id) => certificate.SubjectName.EnumerateRelativeDistinguishedNames()
        .Any(name => !name.HasMultipleElements && name.GetSingleElementType().Value == CommonName && name.GetSingleElementValue() == id);

    private static bool HasAlternative(byte[] encoded, string id)
    {
        var names = new AsnReader(encoded, AsnEncodingRules.DER).ReadSequence();
        while (names.HasData)
        {
            var tag = names.PeekTag();
            if (tag == DnsName && names.ReadCharacterString(UniversalTagNumber.IA5String, DnsName) == id)
                return true;
            if (tag == Uri && IsNamedBy(names.ReadCharacterString(UniversalTagNumber.IA5String, Uri), id))
                return true;
            if (tag != DnsName && tag != Uri)
                names.ReadEncodedValue();
        }

        return false;
    }

    private static bool IsNamedBy(string uri, string id) => uri == id || uri[(uri.LastIndexOfAny(['/', ':']) + 1)..] == id;
}
