using System.Diagnostics.CodeAnalysis;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>
/// The files of <c>iotlink serve</c>: keys, certificate and authorities. Read at the start, and again on SIGHUP; then
/// all of them are taken, or, if one is bad, none. They count for connections from then on, and a link whose key is
/// gone ends.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Lives as long as the process; a subject without observers holds nothing.")]
internal sealed class ServerFiles(ServeSettings settings, CommandContext context) : IOwnKeys
{
    private readonly ISubject<string?> changed = System.Reactive.Subjects.Subject.Synchronize(new Subject<string?>());
    private volatile Content content = new(null, null);

    /// <summary>What the server wants for TLS, or null: none.</summary>
    public HttpsConnectionAdapterOptions? Tls => content.Tls is not { } first ? null : new()
    {
        ServerCertificate = first.Certificate,
        ClientCertificateMode = first.Clients is null ? ClientCertificateMode.NoCertificate : ClientCertificateMode.RequireCertificate,
        OnAuthenticate = (_, ssl) =>
        {
            var now = content.Tls!;
            (ssl.ServerCertificateContext, ssl.CertificateChainPolicy) = (now.Context, now.Clients?.Clone());
        },
    };

    public IObservable<string?> Changed => changed.AsObservable();

    public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id) => content.Keys?.KeysOf(id) ?? [];

    public Task<bool> RevokeAsync(string id, CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            if (settings.KeyFile is not { } file || !DeviceKeys.Remove(file, id))
                return false;
            content = content with { Keys = PrivateFile.LoadKeys(file, settings.InsecureKeyFile) };
            changed.OnNext(id);
            return true;
        },
        cancellationToken);

    /// <summary>Reads them for the first time.</summary>
    /// <exception cref="UsageException">One is bad.</exception>
    public void Read()
    {
        content = Load();
        if (content.Tls?.Fault(context.Scheduler.Now) is { } fault)
            context.Output.Warning($"--cert: the certificate {content.Tls} {fault}: no device will take it");
    }

    /// <summary>Reads them again, and says what came of it.</summary>
    public void ReadAgain()
    {
        try
        {
            var read = Load();
            if (read.Keys is { Count: 0 })
                throw new UsageException($"--key-file: {settings.KeyFile} holds no key");
            if (read.Tls?.Fault(context.Scheduler.Now) is { } fault)
                throw new UsageException($"--cert: the certificate {read.Tls} {fault}");
            content = read;
            context.Output.Reloaded(read.ToString());
            changed.OnNext(null);
        }
        catch (UsageException e)
        {
            context.Output.Error($"{e.Message.TrimEnd('.')}; the files as they were read before stay in force.");
        }
    }

    private Content Load()
    {
        if (settings.KeyFile is not null && !settings.Protocol2)
            throw new UsageException("--key-file is of no use with --protocol 1, which has no keys.");
        return new(settings.KeyFile is { } file ? PrivateFile.LoadKeys(file, settings.InsecureKeyFile) : null, settings.Tls.ForServer(context.Output));
    }

    private sealed record Content(DeviceKeys? Keys, ServerTls? Tls)
    {
        public override string ToString() => (Keys, Tls) switch
        {
            (null, null) => "SIGHUP: there is no file to read again",
            ({ Count: var count }, null) => $"SIGHUP: the files were read again: keys of {count} devices",
            (null, { } tls) => $"SIGHUP: the files were read again: the certificate {tls}",
            ({ Count: var count }, { } tls) => $"SIGHUP: the files were read again: keys of {count} devices, and the certificate {tls}",
        };
    }
}
