namespace Rx.IotLink.Cli;

/// <summary>Where the control endpoint of a server is, and how its answers are printed.</summary>
/// <param name="Url">Its address.</param>
/// <param name="Token">The token that was given, or null.</param>
/// <param name="TokenFile">The file of the token, or null.</param>
/// <param name="Json">Whether the answers are printed as they come.</param>
internal sealed record RemoteSettings(Uri Url, string? Token, string? TokenFile, bool Json)
{
    /// <summary>The port of <c>iotlink serve --page</c> that the other commands ask without <c>--url</c>.</summary>
    public const int DefaultPort = 8124;
}
