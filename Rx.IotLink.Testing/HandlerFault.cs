namespace Rx.IotLink.Testing;

/// <summary>
/// What an application does wrong with received lines while the fault lasts. The first four are of handlers
/// (<see cref="SimulatedMachine.Breakable(Func{ReceivedLine, CancellationToken, Task})"/>), the others of lines that it
/// accepts itself (<see cref="SimulatedMachine.Breakable(IObservable{ReceivedLine})"/>).
/// </summary>
public enum HandlerFault
{
    /// <summary>The handler throws: half of the time before it has done its work, and half of the time after.</summary>
    Throws,

    /// <summary>The handler does not end before the fault does, although it is cancelled.</summary>
    Blocks,

    /// <summary>The handler takes 200 ms longer.</summary>
    Slow,

    /// <summary>The handler ends as cancelled, without having done its work.</summary>
    Cancels,

    /// <summary>No line is accepted before the fault ends.</summary>
    NeverAccepts,

    /// <summary>Each line is accepted 200 ms later.</summary>
    AcceptsLate,

    /// <summary>Each line is accepted twice, the second time 200 ms later.</summary>
    AcceptsTwice,

    /// <summary>Of each two lines the second is accepted first.</summary>
    AcceptsOutOfOrder,
}
