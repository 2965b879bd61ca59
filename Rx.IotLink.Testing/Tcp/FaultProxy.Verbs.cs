namespace Rx.IotLink.Testing.Tcp;

/// <content>The faults by name: each is <see cref="Do"/> with a <see cref="TcpFault"/>.</content>
public sealed partial class FaultProxy
{
    /// <summary>Ends every open connection at both ends. Bytes inside the proxy are lost.</summary>
    /// <param name="reset">False (the default): with FIN. True: with RST.</param>
    /// <param name="lostTail">
    /// For this long before the end, the proxy takes sent bytes and drops them. Default none; 0 to 1 h.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The time is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Kill(bool reset = false, TimeSpan lostTail = default) => Do(new TcpFault.Kill(reset) { LostTail = lostTail });

    /// <summary>
    /// Lets nothing pass, not even the end of a connection (half-open). Held bytes arrive when it is over.
    /// </summary>
    /// <param name="direction">Both ways, or one.</param>
    /// <param name="lasting">How long. Default null: until <see cref="Heal"/>. More than 0, at most a day.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Stall(StallDirection direction = StallDirection.Both, TimeSpan? lasting = null) => Do(new TcpFault.Stall(direction) { Lasting = lasting });

    /// <summary>Resets new connections as soon as they are made; open ones are left alone.</summary>
    /// <param name="lasting">How long. Default null: until <see cref="Heal"/>. More than 0, at most a day.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Refuse(TimeSpan? lasting = null) => Do(new TcpFault.Refuse { Lasting = lasting });

    /// <summary>Resets every open connection, and new ones from then on: like an access point that restarts.</summary>
    /// <param name="lasting">
    /// How long new ones are reset. Default null: until <see cref="Heal"/>. More than 0, at most a day.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The time is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Away(TimeSpan? lasting = null) => Do(new TcpFault.Away { Lasting = lasting });

    /// <summary>Delays all bytes, in either direction.</summary>
    /// <param name="by">How long one way takes. 0 to 1 h.</param>
    /// <param name="lasting">
    /// How long it lasts. Default null: until <see cref="Heal"/>. More than 0, at most a day.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Delay(TimeSpan by, TimeSpan? lasting = null) => Do(new TcpFault.Delay(by) { Lasting = lasting });

    /// <summary>Passes at most this many bytes a second, in each direction by itself.</summary>
    /// <param name="bytesPerSecond">How many. 1 to 1,000,000,000.</param>
    /// <param name="lasting">
    /// How long it lasts. Default null: until <see cref="Heal"/>. More than 0, at most a day.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Throttle(int bytesPerSecond, TimeSpan? lasting = null) => Do(new TcpFault.Throttle(bytesPerSecond) { Lasting = lasting });

    /// <summary>Passes everything in small pieces, so that lines and characters are split.</summary>
    /// <param name="bytes">The size of a piece, at most. 1 to 4,096.</param>
    /// <param name="pause">The pause after each piece. Default none; 0 to 1 h.</param>
    /// <param name="lasting">
    /// How long it lasts. Default null: until <see cref="Heal"/>. More than 0, at most a day.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Slice(int bytes, TimeSpan pause = default, TimeSpan? lasting = null) => Do(new TcpFault.Slice(bytes, pause) { Lasting = lasting });

    /// <summary>Passes bytes that arrive within a time together, at its end.</summary>
    /// <param name="within">The time. More than 0, at most 1 h.</param>
    /// <param name="lasting">
    /// How long it lasts. Default null: until <see cref="Heal"/>. More than 0, at most a day.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Coalesce(TimeSpan within, TimeSpan? lasting = null) => Do(new TcpFault.Coalesce(within) { Lasting = lasting });
}
