using System.CommandLine;
using System.Diagnostics;
using Fuzz.Running;
using Fuzz.Targets;
using SharpFuzz;

// Attacks what strangers can reach, with inputs that a fuzzer makes.
var target = new Argument<Target>("target")
{
    Description = string.Join("; ", Target.All.Select(t => $"{t.Name}: {t.About}")),
    CustomParser = result => Target.All.FirstOrDefault(t => t.Name == result.Tokens[0].Value)
        ?? Fail(result, $"There is no target '{result.Tokens[0].Value}': there are {string.Join(", ", Target.All.Select(t => t.Name))}."),
};
var files = new Argument<string[]>("inputs") { Description = "Files, or folders of them.", Arity = ArgumentArity.OneOrMore };
var corpus = new Argument<string>("corpus") { Description = "A folder of inputs." };
var minutes = new Option<double>("--minutes") { Description = "How long.", DefaultValueFactory = _ => 1 };
var seed = new Option<int>("--seed") { Description = "The same seed makes the same inputs.", DefaultValueFactory = _ => 1 };

var afl = new Command("afl", "The target of afl-fuzz, which starts this (fuzz.sh).") { target };
afl.SetAction(parsed => Fuzzer.Run(stream => parsed.GetRequiredValue(target).Run(All(stream))));

var libFuzzer = new Command("libfuzzer", "The target of libfuzzer-dotnet, which starts this.") { target };
libFuzzer.SetAction(parsed => Fuzzer.LibFuzzer.Run(bytes => parsed.GetRequiredValue(target).Run(bytes.ToArray())));

var replay = new Command("replay", "Plays inputs once, and reports what one breaks.") { target, files };
replay.SetAction(parsed => Play(parsed.GetRequiredValue(target), parsed.GetRequiredValue(files)));

var mutate = new Command("mutate", "Plays blindly changed inputs of a corpus: without any other program, and less good at it.") { target, corpus, minutes, seed };
mutate.SetAction((parsed, _) => Task.FromResult(Mutate(parsed.GetRequiredValue(target), parsed.GetRequiredValue(corpus), TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed))));

var tests = new Argument<string>("tests") { Description = "The folder Rx.IotLink.Tests." };
var seeds = new Command("seeds", "Makes the first inputs of the vectors and captures.") { tests, corpus };
seeds.SetAction(parsed => Console.WriteLine($"{Seeds.Write(parsed.GetRequiredValue(tests), parsed.GetRequiredValue(corpus))} inputs"));

return new RootCommand("Attacks what strangers can reach, with inputs that a fuzzer makes.") { afl, libFuzzer, replay, mutate, seeds }.Parse(args).Invoke();

static Target? Fail(System.CommandLine.Parsing.ArgumentResult result, string message)
{
    result.AddError(message);
    return null;
}

static byte[] All(Stream stream)
{
    using var memory = new MemoryStream();
    stream.CopyTo(memory);
    return memory.ToArray();
}

static int Play(Target target, string[] paths)
{
    var (count, broken) = (0, 0);
    foreach (var path in paths)
    {
        foreach (var (name, input) in File.Exists(path) ? [(path, File.ReadAllBytes(path))] : Corpus.Read(path))
        {
            count++;
            try
            {
                target.Run(input);
            }
            catch (Exception exception)
            {
                broken++;
                Console.WriteLine($"{name}: {exception}");
            }
        }
    }

    Console.WriteLine($"{target.Name}: {count} inputs, {broken} broke a promise");
    return broken == 0 ? 0 : 1;
}

static int Mutate(Target target, string corpus, TimeSpan time, int seed)
{
    var mutator = new Mutator([.. Corpus.Read(corpus).Select(c => c.Input)], seed);
    var (count, longest) = (0L, TimeSpan.Zero);
    var heap = 0L;
    var watch = Stopwatch.StartNew();
    while (watch.Elapsed < time)
    {
        var input = mutator.Next();
        var began = watch.Elapsed;
        try
        {
            target.Run(input);
        }
        catch (Exception exception)
        {
            var file = $"broken-{target.Name}-{seed}-{count}";
            File.WriteAllBytes(file, input);
            Console.WriteLine($"{file}: {exception}");
            return 1;
        }

        var took = watch.Elapsed - began;
        longest = took > longest ? took : longest;
        if (++count == 1_000)
            heap = GC.GetTotalMemory(forceFullCollection: true);
    }

    Console.WriteLine($"{target.Name}: {count} inputs in {watch.Elapsed.TotalSeconds:0} s, the slowest {longest.TotalMilliseconds:0} ms; "
        + $"heap after 1,000 {heap / 1024} KiB, at the end {GC.GetTotalMemory(forceFullCollection: true) / 1024} KiB; nothing was broken");
    return 0;
}
