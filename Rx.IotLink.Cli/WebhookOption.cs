using System.CommandLine;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>serve</c> about a webhook.</summary>
internal sealed class WebhookOption
{
    /// <summary>The environment's address and token, which no list of processes shows.</summary>
    private const string Variable = "IOTLINK_WEBHOOK";

    private const string TokenVariable = "IOTLINK_WEBHOOK_TOKEN";

    private readonly Option<string?> url = new("--webhook")
    {
        HelpName = "URL",
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"POST each received line to this address, http:// or https://, as JSON: {{\"id\":ID,\"line\":LINE,\"epoch\":…,\"number\":…}}. A line is acknowledged to its device, and printed, when the answer is 2xx; otherwise it is posted again, with the same Idempotency-Key. Without URL it comes from the environment variable {Variable}, which no list of processes shows. Default: none.",
    };

    private readonly Option<string?> tokenFile = new("--webhook-token-file")
    {
        HelpName = "FILE",
        Description = $"With --webhook: a file that holds the token of its Authorization header. Default: the variable {TokenVariable}, if it is set.",
    };

    public void AddTo(Command command)
    {
        command.Add(url);
        command.Add(tokenFile);
    }

    /// <summary>What was given.</summary>
    public WebhookSettings Of(ParseResult parsed) => new(
        parsed.GetResult(url) is null ? null : parsed.GetValue(url) ?? Environment.GetEnvironmentVariable(Variable) ?? "", parsed.GetValue(tokenFile));

    /// <summary>What was given of a webhook.</summary>
    /// <param name="Address">The address; null: no webhook was asked for.</param>
    /// <param name="TokenFile">The file of its token, or null.</param>
    internal sealed record WebhookSettings(string? Address, string? TokenFile)
    {
        /// <summary>The options of the webhook; null: none was asked for.</summary>
        /// <exception cref="UsageException">They are wrong; the sentence says why, and quotes no secret.</exception>
        public WebhookOptions? Read()
        {
            if (Address is null)
                return TokenFile is null ? null : throw new UsageException("--webhook-token-file is of no use without --webhook.");
            if (Address.Length == 0)
                throw new UsageException($"--webhook needs a URL, or the environment variable {Variable}.");
            if (!Uri.TryCreate(Address, UriKind.Absolute, out var address))
                throw new UsageException("--webhook: the address must begin with http:// or https://.");
            try
            {
                var options = new WebhookOptions { Url = address, Token = AccessToken.OfOthers("--webhook-token-file", TokenFile, TokenVariable) };
                options.Validate();
                return options;
            }
            catch (ArgumentException e)
            {
                throw new UsageException($"--webhook: {e.Message.Split(" (Parameter", 2)[0]}");
            }
        }
    }
}
