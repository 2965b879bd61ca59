using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Security;

/// <summary>
/// TLS options are copied, so that what the application gave stays as it was; nothing of them may be lost on the way.
/// </summary>
[TestFixture]
internal sealed class CopiedOptionsTests
{
    [Test]
    public void Of_a_client() => AssertCopied(
        new SslClientAuthenticationOptions(), o => TlsHandshake.Copy(o, "host", (_, _, _, _) => false), nameof(SslClientAuthenticationOptions.RemoteCertificateValidationCallback), nameof(SslClientAuthenticationOptions.CertificateChainPolicy));

    [Test]
    public void Of_a_server() => AssertCopied(new HttpsConnectionAdapterOptions(), o => TlsAdmission.Watched(o, TimeSpan.FromHours(1)), nameof(HttpsConnectionAdapterOptions.ClientCertificateValidation));

    /// <summary>
    /// Sets every property to something else than its default, as far as that is easily made, and looks for it in the
    /// copy.
    /// </summary>
    private static void AssertCopied<T>(T options, Func<T, T> copy, params string[] except)
        where T : notnull
    {
        using var authority = new Authority();
        var properties = typeof(T).GetProperties().Where(p => p.SetMethod is { IsPublic: true } && p.GetMethod is { IsPublic: true } && !except.Contains(p.Name)).ToList();
        var changed = properties.Where(p => Other(p.PropertyType, p.GetValue(options), authority) is { } other && Set(p, other)).Select(p => p.Name).ToList();
        var copied = copy(options);
        Assert.That(changed, Has.Count.GreaterThan(5));
        Assert.That(properties.Where(p => !Equals(p.GetValue(copied), p.GetValue(options))).Select(p => p.Name), Is.Empty);

        bool Set(System.Reflection.PropertyInfo property, object value)
        {
            property.SetValue(options, value);
            return true;
        }
    }

    private static object? Other(Type type, object? value, Authority authority) => value switch
    {
        bool flag => !flag,
        Enum => Enum.GetValues(type).Cast<object>().First(v => !v.Equals(value)),
        TimeSpan time => time + TimeSpan.FromSeconds(1),
        _ when type == typeof(string) => "other",
        _ when type == typeof(X509Certificate2) => authority.Certificate,
        _ when type == typeof(X509Certificate2Collection) => new X509Certificate2Collection(authority.Certificate),
        _ when type == typeof(X509CertificateCollection) => new X509CertificateCollection { authority.Certificate },
        _ when type == typeof(List<SslApplicationProtocol>) => new List<SslApplicationProtocol>(),
        _ => null,
    };
}
