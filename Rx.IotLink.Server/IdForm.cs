using System.Buffers;
using System.Text.RegularExpressions;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// The allowed form of ids, beside the rules for all ids (<see cref="LinkId"/>). It is checked before the application
/// sees an id: any device that reaches the port can choose an id, which may then appear in file names, queries and
/// pages.
/// </summary>
internal sealed class IdForm
{
    private static readonly SearchValues<char> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@+#- ");

    private readonly Regex? pattern;
    private readonly bool isStored;
    private readonly HashSet<string> expected;
    private readonly bool hasOwnKeys;

    /// <summary>The form that these options require.</summary>
    public IdForm(IotLinkServerOptions options)
    {
        pattern = options.IdPattern is { } text ? Compile(text) : null;
        isStored = options.SessionStore is not null;
        expected = new(options.Expected, StringComparer.Ordinal);
        hasOwnKeys = options.Keys is DeviceKeys or IOwnKeys;
    }

    /// <summary>The fault of a pattern, as the rest of a sentence; null if there is none.</summary>
    public static string? PatternFault(string pattern)
    {
        try
        {
            // First the pattern alone: an extra closing bracket must not end the group around it.
            _ = new Regex(pattern, RegexOptions.NonBacktracking);
            Compile(pattern);
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            return $"is no pattern for ids: {exception.Message.TrimEnd('.')}";
        }
    }

    /// <summary>
    /// The fault of an id for a session store, as the rest of a sentence; null if there is none. As a file name it must
    /// not reach another folder.
    /// </summary>
    public static string? StoreFault(string id)
    {
        foreach (var part in id.AsSpan().SplitAny('/', '\\'))
        {
            if (id.AsSpan(part) is { Length: > 0 } name && !name.ContainsAnyExcept('.', ' '))
                return "has a part of dots alone, and a session store may take it for a folder";
        }

        return null;
    }

    /// <summary>
    /// Whether to ask the application's keys for an id. This library's own keys are asked in any case.
    /// </summary>
    public bool MayAskForKeys(string id) => hasOwnKeys || Fault(id) is null;

    /// <summary>The fault of a connection's id, as the rest of a sentence; null if there is none.</summary>
    /// <param name="id">The id.</param>
    /// <param name="proven">Whether it has proved a key: then the owner has chosen the id.</param>
    public string? Fault(string id, bool proven = false)
    {
        if (isStored && StoreFault(id) is { } fault)
            return fault;
        if (expected.Contains(id) || (proven && hasOwnKeys))
            return null;
        if (pattern is not null)
            return pattern.IsMatch(id) ? null : $"is not of the form {nameof(IotLinkServerOptions.IdPattern)}";
        if (id.AsSpan().ContainsAnyExcept(Plain))
            return $"has other characters than ASCII letters, digits, blanks and ._:@+#- ({nameof(IotLinkServerOptions.IdPattern)} allows others)";
        if (!char.IsAsciiLetterOrDigit(id[0]))
            return "does not begin with a letter or digit";
        // It would look like another id, and be the same for a file system that ignores these characters.
        return id[^1] is ' ' or '.' ? "ends in a blank or a dot" : null;
    }

    /// <summary>Without backtracking: the id must not decide how long the match takes.</summary>
    private static Regex Compile(string pattern) => new($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
}

/// <summary>Keys that this library finds itself: no code of the application sees the id.</summary>
internal interface IOwnKeys : IDeviceKeys;
