namespace Rx.IotLink.Cli;

/// <summary>What the options alone do not say.</summary>
internal static class HelpTexts
{
    public const string Root = """
        Links of text lines that outlive their sockets, from a shell: netcat for
        Rx.IotLink and micropython-iot devices.

          iotlink serve                             a server for devices
          iotlink connect HOST --id pump-1          a device, or a stand-in for one
          iotlink serve --page 8124                 the fleet on a page, and for 'iotlink top'

        'iotlink COMMAND --help' lists the options of a command. 'iotlink help' says what
        the streams hold, what exit codes mean, and how a shell completes words.
        """;

    public const string Streams = """
        All streams are UTF-8 without a byte order mark. Lines end in LF alone; a CR is
        part of the line. A line of the input that is longer than 4000 bytes or not
        UTF-8 is skipped, with a sentence on standard error; an empty one too, where
        protocol 1 may be spoken, which cannot carry it.

        Received lines go to standard output, everything else to standard error. A line
        is printed before it is acknowledged to its sender. On a terminal a received
        line has the mark '< ' and a colour (not with NO_COLOR set). Control characters
        are shown as \uXXXX there, and on standard error in any case.

        A standard input that is closed is one that has ended; without a standard output
        nothing is started. A standard error that nobody reads stops nothing: events that
        find no room are dropped, and how many is said later.

        Exit codes:
          0    everything was delivered
          1    a line was skipped or not delivered, a stream failed, or the server
               refused this device, or did not prove itself, until the end (it is tried
               again as long as there is input): standard error says which and why
          2    nothing was started: an option or a file is wrong, the port cannot be
               had, or there is no standard output
          130  left at once, on the second Ctrl-C
        The first Ctrl-C (or SIGTERM) waits for lines to be acknowledged, as long as
        --drain says at most, and leaves with 0 or 1. When nobody reads standard output
        any more, it leaves in the same way without waiting. SIGHUP is a SIGTERM to
        'connect', unless it is ignored (nohup); 'serve' reads its files again.

        With --json all three streams are JSON lines, always with these fields:
          input             {"id":ID,"line":LINE}
          input of connect  the same, with "ttl":SECONDS and "key":KEY if wanted
          output            {"id":ID,"line":LINE,"epoch":EPOCH,"number":NUMBER}
          standard error    {"time":TIME,"event":EVENT,"id":ID or null,"detail":TEXT}
        The input may have more fields, which are ignored; 'connect' needs no id there.
        EPOCH (16 hexadecimal digits) and NUMBER are the name of a line: a line that is
        printed a second time, after a crash, has the same (not over protocol 1). Within
        an epoch NUMBER grows.
        TIME is UTC, as in 2026-01-31T12:00:00.5Z. EVENT is listening, page, joined, up, down, asleep,
        bridge, mqtt, webhook, refused, notice, waiting, skipped, draining, undelivered,
        reloaded, warning or error.

        A shell completes words with what 'iotlink "[suggest:N]" "LINE"' prints for the
        N characters before the cursor. For bash, in ~/.bashrc:
          _iotlink() { local IFS=$'\n'; COMPREPLY=($(compgen -W "$(iotlink \
            "[suggest:$COMP_POINT]" "$COMP_LINE")" -- "${COMP_WORDS[COMP_CWORD]}")); }
          complete -o default -F _iotlink iotlink
        For zsh, in ~/.zshrc after compinit:
          _iotlink() { local line="${words[1,CURRENT]}"; compadd -- \
            ${(f)"$(iotlink "[suggest:${#line}]" "$line")"}; _files; }
          compdef _iotlink iotlink
        """;

    public const string Serve = """
        Listen for devices.

        Prints ID TAB LINE for each line received. Each line of standard input, in the
        same form, is delivered to that device exactly once and in order.

        Lines for a device that is down, or has not connected yet, wait for it and hold
        up no other device. When 4096 lines wait in all, standard input is not read on
        until some of them are acknowledged. The end of standard input does not end the
        command; Ctrl-C does. Of an id that is unknown, neither connected nor expected
        nor in the key file, it says so once.

        A line that was not sent within --ttl seconds is dropped, and told; they count from
        when its device has connected first, with --store from when the line is stored.
        With --line-key KEY a line replaces the one before it for the same device that was
        not sent yet. With --json a line may have "ttl" and "key" of its own.

        With --key-file an id that is not in the file is refused, as is a wrong key, and
        protocol 1 is not spoken, since it has no keys; with --protocol both besides,
        ids without a key are served over protocol 1, and anyone may be one of them.
        To replace a key, put the new line below the old one, have the file read again,
        give the device the new key, and then remove the old line.
        Keys say who is who; only --tls hides the lines from others on the network.

        Behind a load balancer say with --proxy-from where that is: it begins each
        connection with a PROXY header, which says whose connection it is. Addresses in
        messages and limits for one address are then those of the devices.

        With --store FILE it keeps in a SQLite file what it was given, and what it has
        printed: killed and started again, it goes on from there. A line that was printed
        just before it was killed may be printed once more; with --json it has the same
        epoch and number as before. Lines for a device that is away are stored at once
        and hold up nothing, if the device is expected, has a key, or is in the file
        already; for another one they wait as without --store.

        With --postgres several servers share one fleet, for example behind a load
        balancer: a device may connect to any of them, and goes on where it was. A line
        that is typed at any of them reaches the device wherever it is, and waits in the
        database if it is away. Each received line is printed by one of the servers with
        the same --consumer. If that one is killed just after it has printed some lines,
        another one may print them once more; with --json they have the same epoch and
        number.

        With --page the fleet is on a page for a browser, and a running server can be asked
        and acted on: 'iotlink ls', 'show', 'send', 'ping', 'kick', 'revoke' and
        'forget', or any client of HTTP.

        With --mqtt each device's lines are messages of iotlink/ID/up at an MQTT broker, a
        message of iotlink/ID/down is a line to the device, and iotlink/ID/state says 'up'
        or 'down' (retained). A line is acknowledged to its device when the broker has it;
        without a broker lines wait at their devices. Messages for devices are kept with
        --store; else in memory. docs/mqtt.md has the topics and what can be lost.

        With --webhook each line is a POST with JSON. A line is acknowledged to its device
        when the answer is 2xx; until then it is posted again, with the same header
        Idempotency-Key, and what comes from its device waits behind it. 'iotlink send', or
        a POST to api/devices/ID/lines of --page, is the way back. docs/webhook.md says
        what a receiver has to do.

        With --mqtt or --webhook, and --postgres, each line is published, posted and printed
        by one of the servers. It is acknowledged to its device when the database has it,
        and waits there for the broker or the receiver. One server at a time takes what
        comes from the broker, and publishes the states; if it ends, another one does.
        With --postgres both may be given: each line goes to the broker and the receiver,
        neither waits for the other, and a line is printed when the broker has it.

        The files of --key-file, --cert, --cert-key and --ca are read at the start, and
        again on SIGHUP: 'kill -HUP', 'systemctl reload'. If one of them is bad then, it
        says so and goes on with all of them as they were. What was read counts for new
        connections. Those that are up stay, but for those whose key is gone: they end.
        """;

    public const string Connect = """
        Connect to a server as a device, again after each outage.

        Prints each line received. Each line of standard input is delivered exactly once
        and in order.

        At the end of standard input it waits until all lines are acknowledged, and
        leaves; without a line, when it was let in or could not connect. With --stay only
        Ctrl-C ends it. At most 1000 lines are on their way at a
        time; standard input is read on as they are acknowledged.

        When the server refuses this device for good (it wants a key, and there is no
        --key-file), or does not prove that it has the key of --key-file, it says so and
        leaves with 1. A command that takes the id of a
        running one with the same key takes its place, and the other one leaves with 1;
        without keys it waits until the other one is gone.

        With --store FILE the input goes into a SQLite file, and is delivered from there:
        what is left when the command ends, or is killed, is delivered by the next one
        with this file, with or without input, once and in order. It waits as long as
        lines are acknowledged, and --drain seconds beyond the last one. With '--until
        stored' it leaves as soon as all of its input is in the file, server or not.

        A line that was not sent within --ttl seconds is dropped, and told. With
        --line-key KEY a line replaces the one before it that was not sent yet: of
        readings that wait for the server, the last is delivered. Both hold across
        commands with one --store.

        With --serial PORT the link goes over a serial line, through a bridge ('iotlink
        bridge', or a chip), to the server of --to.

        Without --store, what was not acknowledged when a command ended is known to
        nobody: whoever runs it again may deliver such a line twice. With --protocol 1 beware besides: it
        cannot tell a new process from an old one that repeats itself, so when a command
        delivers a single line and the next one of the same id begins with the same line
        soon after, the server takes it for a repetition and drops it.
        """;

    public const string Bench = """
        Measure how many lines a second a server accepts, and how long that takes.

        Each line is written exactly once; it counts when the application of the server has
        accepted it. The application gets all of them: use a server that is there for this.
        The devices have no keys.

          iotlink serve >/dev/null &
          iotlink bench localhost
        """;

    public const string Bridge = """
        Carry a link over a serial line: a device without a network reaches its server.

        The host at the other end of the line ('iotlink connect --serial', or a device) is
        the client, with its own session and key; this command carries bytes, and holds no
        line. Killed and started again, it costs an outage, and nothing else. It says
        'bridge' on standard error when the way to the host or the server changes, and
        runs until Ctrl-C. A port that is not there is tried again every second.

        A host without --to connects to the server of --to here; one with --to is
        connected to that, unless --to is given here, too.
        """;

    public const string PostgresSql = """
        Print the SQL that makes the tables of 'serve --postgres', or brings them up to date.

        A server does that itself, if its role may. Otherwise:
          iotlink postgres-sql | psql -d fleet
        """;

    public const string Key = "Make keys, with which devices and servers prove who they are.";

    public const string NewKey = """
        Print a line for a key file: the id, a blank and a new key of 32 random bytes.

        Append it to the server's file and to the device's own, and keep both readable by
        their owners alone:
          (umask 077; iotlink key new pump-1 | tee -a devices.keys >pump-1.keys)
          iotlink serve --key-file devices.keys
          iotlink connect HOST --id pump-1 --key-file pump-1.keys
        """;
}
