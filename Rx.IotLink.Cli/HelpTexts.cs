namespace Rx.IotLink.Cli;

/// <summary>What the options alone do not say.</summary>
internal static class HelpTexts
{
    public const string Root = """
        Links of text lines that outlive their sockets, from a shell: netcat for
        Rx.IotLink and micropython-iot devices.

        All streams are UTF-8 without a byte order mark. Lines end in LF alone; a CR is
        part of the line. A line of the input that is empty, longer than 4000 bytes or
        not UTF-8 is skipped, with a sentence on standard error.

        Received lines go to standard output, everything else to standard error. A line
        is printed before it is acknowledged to its sender.

        Exit codes:
          0    everything was delivered
          1    a line was skipped or not delivered, or a stream failed: standard error
               says which and how many
          2    nothing was started: an option is wrong, or the port cannot be had
          130  left at once, on the second Ctrl-C
        The first Ctrl-C (or SIGTERM) waits for lines to be acknowledged, as long as
        --drain says at most, and leaves with 0 or 1. When nobody reads standard output
        any more, it leaves in the same way without waiting.

        With --json both streams are JSON lines, always with these fields:
          standard output  {"id":ID,"line":LINE}
          standard error   {"time":TIME,"event":EVENT,"id":ID or null,"detail":TEXT}
        TIME is UTC, as in 2026-01-31T12:00:00.5Z. EVENT is listening, joined, up, down,
        refused, notice, skipped, draining, undelivered or error.
        """;

    public const string Serve = """
        Listen for devices.

        Prints ID TAB LINE for each line received. Each line of standard input, in the
        same form, is delivered to that device exactly once and in order.

        Lines for a device that is down, or has not connected yet, wait for it and hold
        up no other device. When 4096 lines wait in all, standard input is not read on
        until some of them are acknowledged. The end of standard input does not end the
        command; Ctrl-C does.
        """;

    public const string Connect = """
        Connect to a server as a device, again after each outage.

        Prints each line received. Each line of standard input is delivered exactly once
        and in order.

        At the end of standard input it waits until all lines are acknowledged, and
        leaves; with --stay only Ctrl-C ends it. At most 1000 lines are on their way at a
        time; standard input is read on as they are acknowledged.

        Protocol 1 cannot tell a new process from an old one that repeats itself: when a
        command delivers a single line and the next one of the same id begins with the
        same line soon after, the server takes it for a repetition and drops it.
        """;
}
