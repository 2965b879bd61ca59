using NUnit.Framework;
using NUnit.Framework.Internal;
using Rx.IotLink.Tests.House;

// Fixtures run beside each other. The tests of one run one after the other, unless the fixture says otherwise. A
// fixture that measures what the whole process holds or does is [NonParallelizable]: those run alone, after all others.
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: Workers]

namespace Rx.IotLink.Tests.House;

/// <summary>
/// One worker more than there are processors: many tests wait for sockets and processes, which is no work.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class WorkersAttribute() : PropertyAttribute(PropertyNames.LevelOfParallelism, Environment.ProcessorCount + 1);
