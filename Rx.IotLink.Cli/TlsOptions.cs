using System.CommandLine;

namespace Rx.IotLink.Cli;

/// <summary>The TLS options of one command.</summary>
internal sealed class TlsOptions(string on, string ca, string cert)
{
    private readonly Option<bool> on = new("--tls") { Description = on };
    private readonly Option<string?> ca = File("--ca", ca);
    private readonly Option<string?> cert = File("--cert", cert);
    private readonly Option<string?> certKey = File("--cert-key", "The private key of --cert, as PEM, if it is in a file of its own.");

    public static TlsOptions OfClient() => new(
        "Encrypt the connection with TLS, and check the server's certificate against HOST.",
        "Trust only certificates issued by those of this PEM file, instead of those this machine trusts.",
        "This device's certificate, for a server that asks for one: PEM with its private key (see --cert-key) and the certificates between it and its authority, or PFX without a password.");

    public static TlsOptions OfServer() => new(
        "Encrypt connections with TLS. Needs --cert.",
        "Let only those clients in that present a certificate issued by those of this PEM file. Default: ask for none.",
        "The server's certificate: PEM with its private key (see --cert-key) and the certificates between it and its authority, or PFX without a password.");

    public void AddTo(Command command)
    {
        command.Add(on);
        command.Add(ca);
        command.Add(cert);
        command.Add(certKey);
    }

    public TlsFiles Of(ParseResult parsed) => new(parsed.GetValue(on), parsed.GetValue(ca), parsed.GetValue(cert), parsed.GetValue(certKey));

    private static Option<string?> File(string name, string description) => new(name) { HelpName = "FILE", Description = description };
}
