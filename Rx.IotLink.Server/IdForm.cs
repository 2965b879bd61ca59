using System.Buffers;
using System.Text.RegularExpressions;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// Which ids a connection may say, beyond what no id may be (<see cref="LinkId"/>). It is asked before anything of the
/// application sees an id: whoever reaches the port chooses it, and it ends up in names of files, in queries and pages.
/// </summary>
internal sealed class IdForm
{
    private static readonly SearchValues<char> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@+#- ");

    private readonly Regex? pattern;
    private readonly bool isStored;
    private readonly HashSet<string> expected;
    private readonly bool hasOwnKeys;

    /// <summary>The form that these options ask for.</summary>
    public IdForm(IotLinkServerOptions options)
    {
        pattern = options.IdPattern is { } text ? Compile(text) : null;
        isStored = options.SessionStore is not null;
        expected = new(options.Expected, StringComparer.Ordinal);
        hasOwnKeys = options.Keys is DeviceKeys or IOwnKeys;
    }

    /// <summary>What is wrong with a pattern, as the rest of a sentence, or null.</summary>
    public static string? PatternFault(string pattern)
    {
        try
        {
            // By itself first: what closes a bracket too many must not end the one that is put around it.
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
    /// What is wrong with an id for a session store, as the rest of a sentence, or null: a name of a file in no folder
    /// but its own.
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

    /// <summary>Whether the application's keys may be asked for an id. Those of this library may in any case.</summary>
    public bool MayAskForKeys(string id) => hasOwnKeys || Fault(id) is null;

    /// <summary>What is wrong with an id that a connection says, as the rest of a sentence, or null.</summary>
    /// <param name="id">What it said.</param>
    /// <param name="proven">Whether it has proved a key: the id is one of the owner's then.</param>
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
        // It would look like another one, and be the same to a file system that leaves them out.
        return id[^1] is ' ' or '.' ? "ends in a blank or a dot" : null;
    }

    /// <summary>Without backtracking: whoever chooses the id must not choose how long it is looked at.</summary>
    private static Regex Compile(string pattern) => new($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
}

/// <summary>Keys that this library looks up by itself: no code of the application sees the id.</summary>
internal interface IOwnKeys : IDeviceKeys;
