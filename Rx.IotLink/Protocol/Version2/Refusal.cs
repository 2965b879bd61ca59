using System.Globalization;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>Why a server refuses a client.</summary>
internal enum RefusalCode
{
    /// <summary>The server does not speak this version of the protocol.</summary>
    Version,

    /// <summary>The opening cannot be understood.</summary>
    Malformed,

    /// <summary>A line was longer than its limit.</summary>
    TooLong,

    /// <summary>No proof, a wrong proof, or an unknown id: the answer is the same.</summary>
    Auth,

    /// <summary>The id is not expected (open servers).</summary>
    UnknownId,

    /// <summary>The id is live.</summary>
    Busy,

    /// <summary>A limit on connections is reached.</summary>
    Overloaded,

    /// <summary>The client remembers lines that the server never sent.</summary>
    State,
}

/// <summary>A refusal as written on the wire.</summary>
/// <param name="Code">The code, as text: a later version may know others.</param>
/// <param name="Retry">How long the client should wait before it tries again; null: it should not.</param>
/// <param name="Text">A sentence for people.</param>
internal sealed record Refusal(string Code, TimeSpan? Retry, string? Text)
{
    /// <summary>
    /// The milliseconds of a day. A longer time means "not soon". It is not an error, which would bring the client back
    /// at once.
    /// </summary>
    private const ulong MaxRetry = 86_400_000;

    public static Refusal Read(Tokens tokens) => new(
        tokens.RequiredValue("code"),
        tokens.NumberUpTo("retry", MaxRetry) is { } ms ? TimeSpan.FromMilliseconds(ms) : null,
        tokens.Text("text"));

    public static string Line(RefusalCode code, TimeSpan? retry, string? text) => Tokens.Format(
        "no",
        ("code", Name(code)),
        ("retry", retry is { } wait ? ((long)wait.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) : null),
        ("text", text));

    public bool Is(RefusalCode code) => Code == Name(code);

    public override string ToString()
    {
        var said = $"the server says '{Printable.Of(Code)}'";
        return (Text is null ? Meaning : Printable.Of(Text)) is { } text ? $"{said}: {text}" : said;
    }

    /// <summary>For people: what a server does not send, so that strangers learn nothing.</summary>
    private string? Meaning => Is(RefusalCode.Auth) ? "it wants proof of this device's key, and had none or a wrong one" : null;

    private static string Name(RefusalCode code) => code switch
    {
        RefusalCode.TooLong => "too-long",
        RefusalCode.UnknownId => "unknown-id",
        _ => code.ToString().ToLowerInvariant(),
    };
}

/// <summary>The farewells with a meaning.</summary>
internal static class Farewell
{
    public const string Displaced = "displaced";

    /// <summary>Client: it sleeps for so many seconds.</summary>
    private const string Sleep = "sleep=";

    /// <summary>The longest sleep: 366 days, in seconds.</summary>
    private const int MostSleep = 31_622_400;

    /// <summary>For people only: the client comes back, and then its proof decides.</summary>
    public const string KeyRevoked = "key revoked";

    /// <summary>The same.</summary>
    public const string CertificateExpired = "certificate expired";

    /// <summary>A farewell of this length is accepted even if lines must be shorter.</summary>
    public const int LeastBytes = 64;

    /// <summary>The farewell of a client that sleeps; parts of a second are added.</summary>
    public static string Asleep(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{Sleep}{Math.Ceiling(time.TotalSeconds):0}");

    /// <summary>How long a client sleeps that says this; null: it says something else.</summary>
    public static TimeSpan? SleepOf(string text) =>
        text.StartsWith(Sleep, StringComparison.Ordinal)
        && int.TryParse(text.AsSpan(Sleep.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds is > 0 and <= MostSleep
            ? TimeSpan.FromSeconds(seconds)
            : null;
}
