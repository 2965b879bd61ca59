using Rx.IotLink.Protocol;

namespace Rx.IotLink.Tests.Protocol.Driving;

/// <summary>The end that is under test (<see cref="Role"/> cannot be seen from a public test class).</summary>
public enum Side
{
    Client,
    Server,
}

internal static class Sides
{
    public static Role Role(this Side side) => side == Side.Client ? IotLink.Protocol.Role.Client : IotLink.Protocol.Role.Server;
}
