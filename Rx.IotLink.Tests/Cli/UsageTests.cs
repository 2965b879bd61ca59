using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary>What the command says when it does not start.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class UsageTests
{
    [TestCase("", "Required command")]
    [TestCase("listen", "'listen'")]
    [TestCase("serve --prot 1", "'--prot'")]
    [TestCase("serve --port 65536", "--port must be a whole number from 0 to 65535, not '65536'")]
    [TestCase("serve --port", "'--port'")]
    [TestCase("serve --bind nowhere", "--bind must be an IPv4 or IPv6 address, not 'nowhere'")]
    [TestCase("serve --timeout 99", "--timeout must be a whole number from 100 to 3600000, not '99'")]
    [TestCase("serve --bind 192.0.2.1", "192.0.2.1")]
    [TestCase("serve --max-unknown -1", "--max-unknown must be a whole number from 0 to 10000000, not '-1'")]
    [TestCase("serve --id-pattern (", "IdPattern '(' is no pattern for ids: Invalid pattern '(' at offset 1")]
    [TestCase("serve --max-openings 0", "--max-openings must be a whole number from 1 to 10000000, not '0'")]
    [TestCase("connect localhost", "'--id'")]
    [TestCase("connect --id a", "HOST[:PORT]")]
    [TestCase("connect localhost:0 --id a", "'localhost:0' has a port that is not 1 to 65535")]
    [TestCase("connect [::1 --id a", "'[::1' is not a host name or an address")]
    [TestCase("connect localhost --id a --protocol 3", "--protocol must be 1 or 2, not '3'")]
    [TestCase("connect localhost --id a --timeout 3600001", "--timeout must be")]
    [TestCase("connect localhost --id a --drain soon", "--drain must be a whole number from 0 to 3600, not 'soon'")]
    [TestCase("connect localhost --id a --protocol both", "--protocol must be 1 or 2, not 'both'")]
    [TestCase("connect localhost --id a --ca none", "--ca is of no use without --tls")]
    [TestCase("connect localhost --id a --cert none", "--cert is of no use without --tls")]
    [TestCase("connect localhost --id a --tls --cert-key none", "--cert-key is of no use without --cert")]
    [TestCase("connect localhost --id a --tls --ca none", "--ca: Could not find file")]
    [TestCase("connect localhost --id a --key-file none", "--key-file: Could not find file")]
    [TestCase("connect localhost --id a --key-file none --protocol 1", "--key-file is of no use with --protocol 1")]
    [TestCase("serve --protocol 3", "--protocol must be 1, 2 or both, not '3'")]
    [TestCase("serve --tls", "--tls needs the server's certificate: give it with --cert FILE")]
    [TestCase("serve --cert none", "--cert is of no use without --tls")]
    [TestCase("serve --tls --cert none", "--cert: Could not find file")]
    [TestCase("serve --key-file none", "--key-file: Could not find file")]
    [TestCase("serve --key-file none --protocol 1", "--key-file is of no use with --protocol 1")]
    [TestCase("key", "Required command")]
    [TestCase("key new", "'new'")]
    [TestCase("key new #1", "The id '#1' begins with #, which makes a line of a key file a comment")]
    public async Task A_bad_option_is_one_sentence_and_exit_code_2(string arguments, string sentence)
    {
        await using var command = IotLinkProcess.Start(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        var code = await command.ExitAsync();
        var (output, events) = (await IotLinkProcess.AllAsync(command.Output), await IotLinkProcess.AllAsync(command.Events));
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(2));
            Assert.That(output, Is.Empty);
            Assert.That(events, Has.Count.EqualTo(1));
            Assert.That(events[0], Does.Contain(sentence));
        });
    }

    [Test]
    public async Task A_port_in_use_is_one_sentence_and_exit_code_2()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);

        await using var server = IotLinkProcess.Start("serve", "--bind", "127.0.0.1", "--port", port);
        Assert.That(await server.ExitAsync(), Is.EqualTo(2));
        var events = await IotLinkProcess.AllAsync(server.Events);
        Assert.That(events, Has.Count.EqualTo(1));
        Assert.That(events[0], Does.Contain(port));
    }

    [Test]
    public async Task A_bad_option_is_told_as_json_where_that_was_asked_for()
    {
        await using var command = IotLinkProcess.Start("serve", "--json", "--port", "no");
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        var told = JsonDocument.Parse((await IotLinkProcess.AllAsync(command.Events)).Single()).RootElement;
        Assert.That(told.GetProperty("event").GetString(), Is.EqualTo("error"));
    }

    [Test]
    public async Task The_help_of_all_fits_on_a_screen()
    {
        await using var command = IotLinkProcess.Start("--help");
        Assert.That(await IotLinkProcess.AllAsync(command.Output), Has.Count.LessThan(45));
    }

    [Test]
    public async Task What_is_wrong_with_a_command_leads_to_its_own_help()
    {
        await using var command = IotLinkProcess.Start("key", "new", "pump-1", "--unheard-of");
        Assert.That((await IotLinkProcess.AllAsync(command.Events)).Single(), Does.EndWith("See 'iotlink key new --help'."));
    }

    [TestCase("--help", "iotlink COMMAND --help")]
    [TestCase("help", "Exit codes:")]
    [TestCase("serve --help", "[default: 8123]")]
    [TestCase("connect --help", "[default: 30]")]
    [TestCase("connect --help", "Default: 2, and 1")]
    [TestCase("serve --help", "--cert-key")]
    [TestCase("key new --help", "iotlink key new pump-1")]
    [TestCase("--version", ".")]
    public async Task Help_and_version_go_to_standard_output(string arguments, string text)
    {
        await using var command = IotLinkProcess.Start(arguments.Split(' '));
        Assert.That(await command.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(command.Output), Has.Some.Contains(text));
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Is.Empty);
    }
}
