using System.CommandLine;
using System.CommandLine.Parsing;
using Rx.IotLink.Mqtt;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>serve</c> about an MQTT broker.</summary>
internal sealed class MqttOptions
{
    /// <summary>The environment's address, which no list of processes shows.</summary>
    private const string Variable = "IOTLINK_MQTT";

    private const string DefaultDiscovery = "homeassistant";

    private readonly Option<string?> broker = new("--mqtt")
    {
        HelpName = "URL",
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"Publish what devices send at this MQTT 5 broker, and write what comes from it to them: mqtt://HOST[:PORT], or mqtts:// with TLS (authorities: those of the system, or of SSL_CERT_FILE). A user is mqtt://USER:PASSWORD@HOST; without URL it comes from the environment variable {Variable}, which no list of processes shows. Default: none.",
    };

    private readonly Option<string?> prefix = new("--mqtt-prefix")
    {
        HelpName = "PREFIX",
        Description = "With --mqtt: what topics begin with. Each server at a broker needs its own; those with the same database of --postgres have the same. Default: iotlink.",
    };

    private readonly Option<string?> discovery = new("--mqtt-discovery")
    {
        HelpName = "PREFIX",
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"With --mqtt: describe the members of JSON lines as sensors for Home Assistant. PREFIX is where that looks (default {DefaultDiscovery}). Default: no discovery.",
    };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { broker, prefix, discovery })
            command.Add(option);
    }

    /// <summary>The options; null: there is no broker.</summary>
    public MqttSettings Of(ParseResult parsed) => new(
        parsed.GetResult(broker) is null ? null : parsed.GetValue(broker) ?? Environment.GetEnvironmentVariable(Variable) ?? "",
        parsed.GetValue(prefix),
        parsed.GetResult(discovery) is null ? null : parsed.GetValue(discovery) ?? DefaultDiscovery);

    /// <summary>What was given.</summary>
    internal sealed record MqttSettings(string? Address, string? Prefix, string? Discovery)
    {
        /// <summary>The options of the gateway; null: none was asked for.</summary>
        /// <exception cref="UsageException">They are wrong; the sentence says why.</exception>
        public MqttGatewayOptions? Read()
        {
            if (Address is null)
                return Prefix is null && Discovery is null ? null : throw new UsageException($"{(Prefix is null ? "--mqtt-discovery" : "--mqtt-prefix")} is of no use without --mqtt.");
            if (Address.Length == 0)
                throw new UsageException($"--mqtt needs a URL, or the environment variable {Variable}.");
            try
            {
                var options = MqttGatewayOptions.FromUri(Address);
                options = options with { Prefix = Prefix ?? options.Prefix, DiscoveryPrefix = Discovery };
                options.Validate();
                return options;
            }
            catch (Exception e) when (e is FormatException or ArgumentException)
            {
                throw new UsageException($"--mqtt: {e.Message.Split(" (Parameter", 2)[0]}");
            }
        }
    }
}
