using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Security;

/// <summary>One byte of an impostor does not keep a client from its real server.</summary>
public sealed class VersionTests
{
    [Test]
    public async Task A_client_comes_back_to_a_server_of_protocol_2_alone()
    {
        using var impostor = new TcpListener(IPAddress.Loopback, 0);
        impostor.Start();
        var endPoint = (IPEndPoint)impostor.LocalEndpoint;
        // A client of protocol 1 keeps quiet for as long as its timeout before it comes again.
        await using var client = Ends.Connect(endPoint.Port, o => o with { Timeout = TimeSpan.FromSeconds(1) });
        using (var met = await impostor.AcceptTcpClientAsync().WaitAsync(Ends.Bound))
        {
            using var reader = new StreamReader(met.GetStream());
            Assert.That(await reader.ReadLineAsync().WaitAsync(Ends.Bound), Does.StartWith("IOTLINK/2 "));
            await met.GetStream().WriteAsync("\n"u8.ToArray());
            Assert.That(await ReadToEndAsync(reader), Is.Empty, "the client leaves, to come back with protocol 1");
        }

        impostor.Stop();
        await using var server = await Ends.ServeAsync(o => o with { Port = endPoint.Port, Protocol1 = false });
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
        Assert.That(server.GetConnections().Single().Protocol, Is.EqualTo(2));
    }

    [Test]
    public async Task A_client_with_a_key_never_says_its_id_in_protocol_1()
    {
        using var impostor = new TcpListener(IPAddress.Loopback, 0);
        impostor.Start();
        await using var client = Ends.Connect(((IPEndPoint)impostor.LocalEndpoint).Port, o => o with { Key = new byte[16] });
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            using var met = await impostor.AcceptTcpClientAsync().WaitAsync(Ends.Bound);
            using var reader = new StreamReader(met.GetStream());
            Assert.That(await reader.ReadLineAsync().WaitAsync(Ends.Bound), Does.StartWith("IOTLINK/2 "), $"attempt {attempt}");
            await met.GetStream().WriteAsync("\n"u8.ToArray());
            Assert.That(await ReadToEndAsync(reader), Is.Empty);
        }
    }

    private static async Task<string> ReadToEndAsync(StreamReader reader)
    {
        try
        {
            return await reader.ReadToEndAsync().WaitAsync(Ends.Bound);
        }
        catch (IOException)
        {
            return ""; // It breaks off, having said nothing more.
        }
    }
}
