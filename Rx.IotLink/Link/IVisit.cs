namespace Rx.IotLink;

/// <summary>What waits for the end of a <see cref="ServedConnection"/>.</summary>
internal interface IVisit
{
    /// <summary>
    /// The connection is finished: nothing more is read from it, and the last bytes are sent. Called once, on any
    /// thread, under no lock.
    /// </summary>
    void Finished();
}
