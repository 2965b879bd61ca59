using NUnit.Framework;

// Fixtures run beside each other, as many as there are processors. The tests of one run one after the other, unless the
// fixture says otherwise. A fixture that measures what the whole process holds or does is [NonParallelizable]: those
// run alone, after all others.
[assembly: Parallelizable(ParallelScope.Fixtures)]
