using System.Globalization;

namespace Rx.IotLink;

/// <summary>
/// The name of a received line: no other line of the same device has this name. A line that comes a second time has the
/// same name. So an application that records the names can distinguish it from a new line.
/// </summary>
/// <remarks>
/// <para>
/// An exactly-once line of protocol 2 keeps its name over connections and over processes of this end, with and without
/// a session store. Within an epoch numbers grow in the order of the lines; numbers may be left out. A peer whose
/// memory ended begins a new epoch.
/// </para>
/// <para>
/// Protocol 1 and best effort have no numbers on the wire. This end counts their lines, under a new random epoch for
/// each link object of each process. So a line of protocol 1 that comes again to a later process has another name.
/// </para>
/// </remarks>
/// <param name="Epoch">One life of the peer's memory.</param>
/// <param name="Number">The number of the line in it. At least 1.</param>
public readonly record struct LineId(ulong Epoch, ulong Number)
{
    /// <summary>The epoch in 16 hexadecimal digits, and the number: <c>00000000c0ffee00/42</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch:x16}/{Number}");
}
