using System.Globalization;
using NATS.Client.Core;
using NATS.Client.JetStream;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Nats.Log;

/// <summary>
/// Makes the exception for each fault of the servers. It names the stream, never the address, in which a password may
/// stand.
/// </summary>
internal sealed class StoreFaults(NatsSessionStoreOptions options)
{
    // Of JetStream's errors: there is no room, of several kinds.
    private static readonly int[] NoRoom = [10_023, 10_028, 10_047, 10_077];

    private readonly string name = $"'{options.Stream}' of NATS";

    /// <summary>The exception to throw; null: it is none of the store's.</summary>
    public SessionStoreException? Of(Exception e) => e switch
    {
        SessionStoreException => null,
        InvalidDataException => New(SessionStoreFault.Damaged, e.Message, "It is left as it is. Restore a backup of the stream, or name another one to begin anew", e),
        NatsJSApiException api when NoRoom.Contains(api.Error.ErrCode) => New(SessionStoreFault.Full,
            $"has no room ({Said(api)})", "Make room on the servers, or raise the limits of the stream; the store goes on by itself then", e),
        NatsJSApiException api => New(SessionStoreFault.Unavailable, $"failed ({Said(api)})", "See the servers' logs; it is tried again", e),
        NatsJSPublishNoResponseException or NatsNoRespondersException or NatsNoReplyException or OperationCanceledException or TimeoutException => NotAnswered(e),
        NatsException => New(SessionStoreFault.Unavailable, $"cannot be reached ({Printable.Of(e.Message)})", "Check that the servers run, their addresses and the network; it is tried again", e),
        _ => null,
    };

    public SessionStoreException NotConnected() => New(SessionStoreFault.Unavailable,
        "is not connected", "Check that the servers run, their addresses and the network; it is tried again");

    public SessionStoreException Busy(string id) => New(SessionStoreFault.InUse,
        $"has other writers that write the log of '{Printable.Of(id)}' again and again", "It is tried again");

    public SessionStoreException TooLong(string id, int bytes, int most) => New(SessionStoreFault.Full,
        string.Create(CultureInfo.InvariantCulture, $"takes messages of at most {most} bytes, and a line of '{Printable.Of(id)}' needs {bytes}"),
        "Raise max_payload of the servers, or lower MaxLineBytes");

    private SessionStoreException NotAnswered(Exception e) => New(SessionStoreFault.Unavailable,
        $"has not answered within {options.Timeout.TotalSeconds:0.#} s",
        "Check that JetStream is enabled, and that most servers of the cluster run; it is tried again", e);

    private static string Said(NatsJSApiException e) => $"{e.Error.ErrCode}: {Printable.Of(e.Error.Description ?? "")}";

    private SessionStoreException New(SessionStoreFault fault, string detail, string remedy, Exception? e = null) => new(name, fault, detail, remedy + ".", e);
}
