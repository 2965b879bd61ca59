namespace Examples.Fleet;

/// <summary>What a device reports.</summary>
/// <param name="N">The number of the report.</param>
/// <param name="Outages">How many outages it has seen.</param>
/// <param name="UpSeconds">How long it runs.</param>
internal sealed record Report(int N, long Outages, double UpSeconds);

/// <summary>The commands of an application object to its device.</summary>
/// <param name="Led">Whether its lamp shall be lit.</param>
/// <param name="Reports">How many reports have arrived: the device knows how many it wrote.</param>
internal sealed record Order(bool Led, int Reports);
