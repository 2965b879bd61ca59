namespace Rx.IotLink.Cli;

/// <summary>The token of a control endpoint. It is better not on a command line, which others can see.</summary>
internal static class AccessToken
{
    public const string Variable = "IOTLINK_TOKEN";

    private const int MaxBytes = 4_096;

    /// <summary>The token of a file, of the option, or of the environment; null: none is given.</summary>
    /// <exception cref="UsageException">The file cannot be read, or it is no token.</exception>
    public static string? Read(string? file, string? given)
    {
        var text = file is not null ? PrivateFile.Read("--token-file", file, () => ReadFile(file)) : given ?? Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(text) && file is null && given is null)
            return null;
        return text!.Length >= 16 && text.All(static c => c is > ' ' and <= '~')
            ? text
            : throw new UsageException("The token has fewer than 16 characters, or one that is not printable ASCII.");
    }

    /// <summary>
    /// The token of somebody else's endpoint, of a file or of the environment: it may be as short as that likes. Null:
    /// none is given.
    /// </summary>
    /// <exception cref="UsageException">The file cannot be read.</exception>
    public static string? OfOthers(string option, string? file, string variable) =>
        file is not null ? PrivateFile.Read(option, file, () => ReadFile(file))
        : Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given ? given
        : null;

    private static string ReadFile(string path) => new FileInfo(path).Length <= MaxBytes
        ? File.ReadAllText(path).Trim()
        : throw new FormatException($"{path} has more than {MaxBytes} bytes: it holds no token.");
}
