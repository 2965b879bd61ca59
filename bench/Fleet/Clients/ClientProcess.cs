using System.Net;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Clients;

/// <summary>The process of devices.</summary>
internal static class ClientProcess
{
    public static Task<int> RunAsync(int port, int number, bool bare, bool real, bool tls)
    {
        var place = new Place(new IPEndPoint(IPAddress.Loopback, port), (byte)number, number * 1_000_000);
        IClients clients = real ? new LinkClients(place) : new Speakers(place, bare, tls);
        return Worker.RunAsync(new Done(0, 0, 0), request => AnswerAsync(clients, request));
    }

    private static async Task<object> AnswerAsync(IClients clients, Request request)
    {
        switch (request.Do)
        {
            case "open":
                return await clients.OpenAsync(request.Count, request.Together).ConfigureAwait(false);
            case "beat":
                clients.Beat(request.PerSecond);
                return new Done(0, 0, 0);
            case "write":
                clients.Write(request.PerSecond);
                return new Done(0, 0, 0);
            case "count":
                return new Done(0, 0, await clients.CountAsync().ConfigureAwait(false));
            case "storm":
                return await clients.StormAsync().ConfigureAwait(false);
            default:
                throw Worker.Unknown(request);
        }
    }
}
