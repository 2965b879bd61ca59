using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;

namespace Rx.IotLink.Cli;

/// <summary>The options of the control endpoint, at both of its ends.</summary>
internal sealed class RemoteOptions
{
    private readonly Option<Uri> url = new("--url")
    {
        HelpName = "URL",
        Description = $"The control endpoint of the server. Default: http://127.0.0.1:{RemoteSettings.DefaultPort}/, that of 'iotlink serve --page {RemoteSettings.DefaultPort}' on this machine.",
        DefaultValueFactory = _ => new Uri($"http://127.0.0.1:{RemoteSettings.DefaultPort}/"),
        CustomParser = result => Uri.TryCreate(Token(result), UriKind.Absolute, out var given) && given.Scheme is "http" or "https" ? given : Fail<Uri>(result, $"--url must be an address that begins with http:// or https://, not '{Token(result)}'."),
    };

    private readonly Option<string?> token = new("--token")
    {
        HelpName = "TOKEN",
        Description = $"The token of the control endpoint. Others on this machine can see a command line: better --token-file, or the variable {AccessToken.Variable}.",
    };

    private readonly Option<string?> tokenFile = TokenFile("that the control endpoint wants");

    private readonly Option<bool> json = new("--json") { Description = "Print the answer as JSON, one device a line." };

    public static Option<string?> TokenFile(string what) => new("--token-file")
    {
        HelpName = "FILE",
        Description = $"A file that holds the token {what}: at least 16 characters of printable ASCII. Default: the variable {AccessToken.Variable}, if it is set.",
    };

    public static Option<IPEndPoint?> Page() => new("--page")
    {
        HelpName = "[ADDRESS:]PORT",
        Description = "Serve a page for a browser, and a control endpoint: REST (/api/devices), events, /health, /metrics for Prometheus, /openapi/iotlink.json. Without an address on 127.0.0.1; any other address needs a token. Default: none.",
        CustomParser = result => Parse(Token(result)) ?? Fail<IPEndPoint>(result, $"--page must be a port from 0 to 65535, or ADDRESS:PORT as in 127.0.0.1:{RemoteSettings.DefaultPort} or [::1]:{RemoteSettings.DefaultPort}, not '{Token(result)}'."),
    };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { url, token, tokenFile, json })
            command.Add(option);
    }

    public RemoteSettings Of(ParseResult parsed) => new(parsed.GetValue(url)!, parsed.GetValue(token), parsed.GetValue(tokenFile), parsed.GetValue(json));

    private static IPEndPoint? Parse(string text)
    {
        if (Port(text) is { } port)
            return new(IPAddress.Loopback, port);
        // An address without a port would get port 0.
        return text.LastIndexOf(':') is > 0 and var colon && Port(text[(colon + 1)..]) is not null && (text[0] == '[' || text.IndexOf(':', StringComparison.Ordinal) == colon)
            && IPEndPoint.TryParse(text, out var at) ? at : null;
    }

    private static int? Port(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65_535 ? port : null;

    private static string Token(ArgumentResult result) => result.Tokens[0].Value;

    private static T? Fail<T>(ArgumentResult result, string sentence)
    {
        result.AddError(sentence);
        return default;
    }
}
